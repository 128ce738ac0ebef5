"""TaskTime: how long an attempt may take, and what is not counted of it.

A model's limits are shared, so how long a call waits for them says nothing about the task: counted, it ended attempts
that had done nothing wrong, and what they had paid for began anew. A timeout that is extended after a wait would strike
in the middle of a long one; so it stands still meanwhile. The project's own timeout bounds the whole.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator

from aios.cancellation import cancelled

SHOWN = 1.0
"""Seconds; who waited less has not waited to speak of."""


class TaskTime:
    """The time of one attempt under one claim."""

    def __init__(self, seconds: float, stop: asyncio.Event) -> None:
        """Once `stop` is set it stands still no more: who is told to stop has a task's time to end in and is killed
        then, in the middle of a call if need be."""
        self._stop = stop
        self._limit = asyncio.timeout(seconds)
        self._runs = False
        self._left: float | None = None
        """Seconds that are left when it goes on, while it stands still."""
        self.waited = 0.0
        """Seconds that were not counted."""

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Work within it, once. Raises TimeoutError when it is up."""
        hurrying = asyncio.create_task(self._hurry())
        try:
            async with self._limit:
                self._runs = True
                try:
                    yield
                finally:
                    self._runs = False
        finally:
            await cancelled(hurrying)

    @property
    def is_up(self) -> bool:
        """Whether the timeout has struck."""
        return self._limit.expired()

    @contextlib.contextmanager
    def standing_still(self) -> Iterator[None]:
        """What happens meanwhile takes none of the task's time. Changes nothing once the time is up, lifted or over."""
        loop = asyncio.get_running_loop()
        began, due = loop.time(), self._limit.when()
        if due is None or self._stop.is_set() or not self._counts:
            yield
            return
        self._left = due - began
        self._limit.reschedule(None)
        try:
            yield
        finally:
            if self._left is not None:
                self.waited += loop.time() - began
                self._go_on()

    def lift(self) -> None:
        """From here on the timeout must not strike. Raises TimeoutError if it just has."""
        if self.is_up:
            raise TimeoutError
        self._limit.reschedule(None)

    def told(self, stated: str) -> str:
        """Why the attempt ended, when the time is up; `stated` is the limit as the user wrote it."""
        apart = f", not counting {self.waited:.0f} s in which its calls waited" if self.waited >= SHOWN else ""
        return f"not finished within {stated} (taskTimeout){apart}"

    async def _hurry(self) -> None:
        await self._stop.wait()
        if self._left is not None:
            self._go_on()

    def _go_on(self) -> None:
        left, self._left = self._left, None
        if left is not None and self._counts:  # a graph that is cancelled may leave its phases to end after it
            self._limit.reschedule(asyncio.get_running_loop().time() + left)

    @property
    def _counts(self) -> bool:
        return self._runs and not self.is_up
