"""Noticing that a database has changed, whoever changed it.

Commits of this process are noticed at once. Those of other processes are noticed by looking at the time stamp of
SQLite's log, and only while somebody waits: an idle process costs nothing. The looks are POLL_SECONDS apart while
others commit, CALM_SECONDS when none has for a while. A stamp can be too coarse to tell two commits apart, so SQLite
itself is asked too, when the stamp is not that of our own last look and every CERTAIN_SECONDS.
"""

import asyncio
import contextlib
import math
import sqlite3
import time
import weakref
from pathlib import Path

from aios.embedded.sqlite import Database, Schema
from aios.errors import ServiceUnavailableError

POLL_SECONDS = 0.02
CALM_SECONDS = 0.1
LIVELY_SECONDS = 5.0
"""How long after a commit of another process the next one is expected."""
CERTAIN_SECONDS = 0.5


class WatchedDatabase(Database):
    """A database whose changes can be waited for."""

    def __init__(self, path: Path, schema: Schema) -> None:
        super().__init__(path, schema, on_change=self._count)
        self._version = 0
        self._waiters: set[asyncio.Future[None]] = set()
        self._seen: weakref.WeakKeyDictionary[asyncio.Task[object], int] = weakref.WeakKeyDictionary()
        self._poller: asyncio.Task[None] | None = None
        self._others = -math.inf
        """When another process committed last, as far as was noticed."""

    @property
    def version(self) -> int:
        """Grows with every change that was noticed."""
        return self._version

    async def changed(self, wait: float, *, since: int | None = None) -> None:
        """Return when `version` is beyond `since`, or after `wait` seconds.

        Without `since` it is what the version was when the calling task's last call returned: a task that calls
        this in a loop misses nothing that was committed while it was busy.
        """
        task = asyncio.current_task()
        if since is None:
            since = self._seen.get(task, self._version) if task is not None else self._version
        if since == self._version and wait > 0:
            await self._wait(wait)
        if task is not None:
            self._seen[task] = self._version

    def nudge(self) -> None:
        """Let those who wait on the running loop look again."""
        self._version += 1
        self._wake()

    async def close(self) -> None:
        if self._poller is not None and self._poller.get_loop() is asyncio.get_running_loop():
            self._poller.cancel()
            await asyncio.wait({self._poller})
        self._wake()
        await super().close()

    async def _wait(self, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[None] = loop.create_future()
        self._waiters.add(waiter)
        if self._poller is None or self._poller.done() or self._poller.get_loop() is not loop:
            self._poller = loop.create_task(self._poll(), name=f"poll {self.path.name}")
        try:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await waiter
        finally:
            self._waiters.discard(waiter)

    async def _poll(self) -> None:
        """Any call of the worker thread looks whether another process has committed."""
        asked = -math.inf
        while self._waiters:
            now = time.monotonic()
            await asyncio.sleep(POLL_SECONDS if now < self._others + LIVELY_SECONDS else CALM_SECONDS)
            if self.stamp() != self.looked or now > asked + CERTAIN_SECONDS:
                asked = now
                with contextlib.suppress(ServiceUnavailableError):  # who waits has a time limit
                    await self.look(_nothing)

    def _count(self, others: bool) -> None:
        """In the worker thread."""
        self._version += 1
        if others:
            self._others = time.monotonic()
        for loop in {waiter.get_loop() for waiter in tuple(self._waiters)}:
            with contextlib.suppress(RuntimeError):  # a loop that is closed has nobody left to wake
                loop.call_soon_threadsafe(self._wake)

    def _wake(self) -> None:
        running = asyncio.get_running_loop()
        for waiter in tuple(self._waiters):
            if waiter.get_loop() is running and not waiter.done():
                waiter.set_result(None)


def _nothing(_: sqlite3.Connection) -> None:
    return None
