"""What a command says while a service that it reads is away, and when it gives up: nobody looks at a silent terminal
for a minute. `aios up` says the same through its own audience."""

import asyncio
import sys
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from aios.cancellation import cancelled
from aios.cli.terminal import paint, say
from aios.errors import ServiceUnavailableError

T = TypeVar("T")

SAID_AFTER = 0.5
"""Seconds; a command that fails at once says so itself, and once."""
PATIENCE = 25.0
"""Seconds that an outage may last."""
NOTICED_AFTER = 4.0
"""Seconds without any answer that are an outage, too: sooner than `aios up` says so, for somebody waits right here."""


class Waiting:
    """A `wiring.outages.Told` that writes to stderr, for one command in one event loop."""

    def __init__(self, *, patience: float | None = PATIENCE, said_after: float = SAID_AFTER) -> None:
        """`patience`: None waits for ever."""
        self._patience, self._said_after = patience, said_after
        self._unsaid: list[str] = []
        self._said = False
        self._reason = ""
        self._timers: list[asyncio.TimerHandle] = []
        self._given_up = asyncio.Event()

    def __call__(self, line: str) -> None:
        if not line:
            self._end()
            return
        if not self._reason and self._patience is not None:
            self._after(self._patience, self._given_up.set)
        self._reason = line
        self._unsaid.append(line)
        self._after(self._said_after, self._say)

    async def bounded(self, work: Coroutine[Any, Any, T]) -> T:
        """The result of `work`. Raises ServiceUnavailableError, and gives `work` up, when an outage lasts too long."""
        began = asyncio.get_running_loop().time()
        working, given_up = asyncio.create_task(work), asyncio.create_task(self._given_up.wait())
        try:
            await asyncio.wait({working, given_up}, return_when=asyncio.FIRST_COMPLETED)
            if working.done():
                return working.result()
            seconds = asyncio.get_running_loop().time() - began
            raise ServiceUnavailableError(f"{self._reason}; given up after {seconds:.0f} s")
        finally:
            self._stop()
            await cancelled(working, given_up)

    def _after(self, seconds: float, work: Callable[[], None]) -> None:
        self._timers.append(asyncio.get_running_loop().call_later(seconds, work))

    def _say(self) -> None:
        for line in self._unsaid:
            say(f"{paint('waiting', 'yellow', stream=sys.stderr)}  {line}")
        self._said = self._said or bool(self._unsaid)
        self._unsaid.clear()

    def _end(self) -> None:
        self._stop()
        self._reason = ""
        if self._said:
            say(f"{paint('served', 'green', stream=sys.stderr)}   every service answers again")
        self._said = False

    def _stop(self) -> None:
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()
        self._unsaid.clear()
