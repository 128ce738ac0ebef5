"""Clocks of machines that nobody has told the time, and of one that somebody sets while it works."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import cycle

from aios.ports.clock import SystemClock

HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class WrongClock(SystemClock):
    """Its wall clock is `skew` off, its monotonic clock began to count `booted` seconds earlier than ours."""

    skew: timedelta = timedelta()
    booted: float = 0.0

    def now(self) -> datetime:
        return datetime.now(UTC) + self.skew

    def monotonic(self) -> float:
        return SystemClock.monotonic(self) + self.booted


@dataclass(frozen=True, slots=True)
class JumpingClock(SystemClock):
    """Each question about the time finds that somebody has set it: an hour ahead, an hour back, an hour ahead ..."""

    skews: Iterator[timedelta] = field(default_factory=lambda: cycle((HOUR, -HOUR)))

    def now(self) -> datetime:
        return datetime.now(UTC) + next(self.skews)
