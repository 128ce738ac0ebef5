"""A work queue of keys, after client-go's: what came in while a key was being worked on makes it run once more.

Promises: one key never runs twice at the same time; a key added while it waits runs once; a key added while it runs
runs again afterwards, and rests in between if the pace says so; a key whose work failed comes back after a delay that
doubles; at most `workers` keys run at once, and starts are rate limited. It refuses to carry anything but keys:
whoever runs one looks the world up anew.

All methods belong to the event loop that `run` runs in; other threads use `loop.call_soon_threadsafe(queue.add, key)`.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Hashable, Iterable
from dataclasses import dataclass
from itertools import takewhile
from typing import Generic, TypeVar

from aios.cancellation import heed_cancellation
from aios.errors import AiosError
from aios.ports.clock import Clock

Key = TypeVar("Key", bound=Hashable)

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast and how often. Times in seconds, rates a second."""

    workers: int = 4
    first_delay: float = 0.2
    longest_delay: float = 300.0
    starts_per_second: float = 50.0
    burst: int = 100
    resync: float = 600.0
    rest: float = 0.0
    """How long a key rests after it ran: what comes in meanwhile is worked on once, when the rest is over."""


class WorkQueue(Generic[Key]):
    """Keys waiting for `work`, which returns when the key wants to be worked on again (seconds), or None."""

    def __init__(self, work: Callable[[Key], Awaitable[float | None]], clock: Clock, pace: Pace | None = None) -> None:
        self._work, self._clock, self._pace = work, clock, pace or Pace()
        self._waiting: dict[Key, None] = {}
        self._running: dict[Key, float] = {}
        self._again: set[Key] = set()
        self._failures: dict[Key, int] = {}
        self._timers: dict[Key, tuple[float, asyncio.Task[None]]] = {}
        self._resting: dict[Key, float] = {}
        self._changed = asyncio.Event()
        self._tokens, self._refilled = float(self._pace.burst), clock.monotonic()
        self.worked = 0
        self.failed = 0

    @property
    def depth(self) -> int:
        """Keys that wait to be worked on now."""
        return len(self._waiting)

    @property
    def is_idle(self) -> bool:
        """Nothing waits now and nothing runs; delayed keys may come back later."""
        return not self._waiting and not self._running

    def longest_running(self) -> float:
        """For how many seconds the slowest key has been running; 0 when none runs."""
        now = self._clock.monotonic()
        return max((now - since for since in self._running.values()), default=0.0)

    def add(self, key: Key) -> None:
        """Work on `key` as soon as may be."""
        if key in self._running:
            self._again.add(key)
        elif (rest := self._resting.get(key, 0.0) - self._clock.monotonic()) > 0:
            self.add_after(key, rest)
        else:
            self._waiting.setdefault(key)
            self._changed.set()

    def add_all(self, keys: Iterable[Key]) -> None:
        """`add` each."""
        for key in keys:
            self.add(key)

    def add_after(self, key: Key, delay: float) -> None:
        """Work on `key` in `delay` seconds; an earlier appointment for it stands, a later one is moved forward."""
        due = self._clock.monotonic() + delay
        known = self._timers.get(key)
        if known is not None and known[0] <= due:
            return
        self._forget_timer(key)
        self._timers[key] = due, asyncio.create_task(self._wake(key, delay))

    async def run(self, everything: Callable[[], Awaitable[Iterable[Key]]] | None = None) -> None:
        """Work until cancelled. `everything` gives all keys, at the start and at each resync."""
        try:
            async with asyncio.TaskGroup() as group:
                if everything is not None:
                    group.create_task(self._resync(everything))
                for _ in range(self._pace.workers):
                    group.create_task(self._take_turns())
        finally:
            for key in list(self._timers):
                self._forget_timer(key)

    async def settled(self) -> None:
        """Return when nothing waits and nothing runs."""
        while not self.is_idle:
            self._changed.clear()
            await self._changed.wait()

    async def _take_turns(self) -> None:
        while True:
            while not self._waiting:
                self._changed.clear()
                await self._changed.wait()
            await self._wait_for_token()
            if self._waiting:
                await self._run_next()
                heed_cancellation()

    async def _run_next(self) -> None:
        key = next(iter(self._waiting))
        del self._waiting[key]
        self._running[key] = self._clock.monotonic()
        try:
            delay = await self._outcome(key)
        finally:
            del self._running[key]
            self._rest(key)
            self._changed.set()
        if key in self._again:
            self._again.discard(key)
            if self._failures.get(key):
                self.add_after(key, delay or 0.0)
            else:
                self.add(key)
        elif delay is not None:
            self.add_after(key, delay)

    def _rest(self, key: Key) -> None:
        now = self._clock.monotonic()
        self._resting.pop(key, None)  # so that they stay in the order in which they end
        self._resting[key] = now + self._pace.rest
        for rested in [rested for rested, _ in takewhile(lambda known: known[1] <= now, self._resting.items())]:
            del self._resting[rested]

    async def _outcome(self, key: Key) -> float | None:
        try:
            delay = await self._work(key)
        except Exception as error:  # noqa: BLE001 - one key's failure must not end the others' work; it comes back
            heed_cancellation(error)
            return self._failed(key, error)
        self.worked += 1
        self._failures.pop(key, None)
        return delay

    def _failed(self, key: Key, error: Exception) -> float:
        self.failed += 1
        failures = self._failures[key] = self._failures.get(key, 0) + 1
        delay = min(self._pace.first_delay * 2.0 ** min(failures - 1, 32), self._pace.longest_delay)
        trace = None if isinstance(error, AiosError) else error  # our own errors say enough; others are defects
        log.warning("%s failed %d times, next try in %.1f s: %s", key, failures, delay, error, exc_info=trace)
        return delay

    async def _wait_for_token(self) -> None:
        while True:
            now = self._clock.monotonic()
            gained = (now - self._refilled) * self._pace.starts_per_second
            self._tokens, self._refilled = min(self._tokens + gained, float(self._pace.burst)), now
            if self._tokens >= 1:
                self._tokens -= 1
                return
            await self._clock.sleep((1 - self._tokens) / self._pace.starts_per_second)

    async def _resync(self, everything: Callable[[], Awaitable[Iterable[Key]]]) -> None:
        while True:
            try:
                self.add_all(await everything())
            except Exception as error:  # the list is tried again; events go on meanwhile
                heed_cancellation(error)
                log.warning("listing everything for a resync failed", exc_info=True)
                await self._clock.sleep(min(5.0, self._pace.resync))
                continue
            await self._clock.sleep(self._pace.resync)

    async def _wake(self, key: Key, delay: float) -> None:
        await self._clock.sleep(delay)
        self._timers.pop(key, None)
        self.add(key)

    def _forget_timer(self, key: Key) -> None:
        known = self._timers.pop(key, None)
        if known is not None:
            known[1].cancel()
