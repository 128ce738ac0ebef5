"""TaskTime: how long an attempt may take, and what is not counted of it.

A model's limits are shared, so how long a call waits for them says nothing about the task: counted, it ended attempts
that had done nothing wrong, and what they had paid for began anew. A timeout that is extended after a wait would strike
in the middle of a long one; so it stands still meanwhile. The project's own timeout bounds the whole.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator

SHOWN = 1.0
"""Seconds; who waited less has not waited to speak of."""


class TaskTime:
    """The time of one attempt under one claim."""

    def __init__(self, seconds: float) -> None:
        self._limit = asyncio.timeout(seconds)
        self._runs = False
        self.waited = 0.0
        """Seconds that were not counted."""

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Work within it, once. Raises TimeoutError when it is up."""
        async with self._limit:
            self._runs = True
            try:
                yield
            finally:
                self._runs = False

    @property
    def is_up(self) -> bool:
        """Whether the timeout has struck."""
        return self._limit.expired()

    @contextlib.contextmanager
    def standing_still(self) -> Iterator[None]:
        """What happens meanwhile takes none of the task's time. Changes nothing once the time is up, lifted or over."""
        loop = asyncio.get_running_loop()
        began, due = loop.time(), self._limit.when()
        if due is None or not self._counts:
            yield
            return
        self._limit.reschedule(None)
        try:
            yield
        finally:
            waited = loop.time() - began
            self.waited += waited
            if self._counts:  # a graph that is cancelled may leave its phases to end after it
                self._limit.reschedule(due + waited)

    def lift(self) -> None:
        """From here on the timeout must not strike. Raises TimeoutError if it just has."""
        if self.is_up:
            raise TimeoutError
        self._limit.reschedule(None)

    def told(self, stated: str) -> str:
        """Why the attempt ended, when the time is up; `stated` is the limit as the user wrote it."""
        apart = f", not counting {self.waited:.0f} s in which its calls waited" if self.waited >= SHOWN else ""
        return f"not finished within {stated} (taskTimeout){apart}"

    @property
    def _counts(self) -> bool:
        return self._runs and not self.is_up
