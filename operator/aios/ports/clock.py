"""Clock: time is passed in, so that tests decide what time it is."""

import asyncio
import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Monotonic time for durations, wall-clock time for people."""

    def monotonic(self) -> float:
        """Seconds; only differences within one process mean anything."""
        ...

    def now(self) -> datetime:
        """UTC, to be shown or told, never compared with another host's."""
        ...

    async def sleep(self, seconds: float) -> None: ...


class SystemClock:
    """The machine's clock."""

    def monotonic(self) -> float:
        return time.monotonic()

    def now(self) -> datetime:
        return datetime.now(UTC)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
