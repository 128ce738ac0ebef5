"""News: waiting until something may have been appended.

An append of this process is known at once. Of others' appends only a doorbell tells; without one, or with one that is
out of order, a wait ends early and the caller looks: a look is one GET of the stream it is interested in, and nobody
here knows which that is.
"""

import asyncio
import contextlib
import weakref
from typing import Protocol

from aios.errors import ServiceUnavailableError

POLL_SECONDS = 1.0
DOORBELL_SECONDS = 10.0
"""A doorbell may lose a ring."""


class Doorbell(Protocol):
    """Tells other processes that something was appended. A hint; may ring too often, too late or not at all."""

    async def announce(self) -> None:
        """Ring in every process. Raises ServiceUnavailableError."""
        ...

    async def announced(self, wait: float) -> None:
        """Return when it rang since the last call, or after `wait` seconds. Raises ServiceUnavailableError."""
        ...


class News:
    """What `changed` waits for."""

    def __init__(self, doorbell: Doorbell | None) -> None:
        self._doorbell = doorbell
        self._version = 0
        self._waiters: set[asyncio.Future[None]] = set()
        self._seen: weakref.WeakKeyDictionary[asyncio.Task[object], int] = weakref.WeakKeyDictionary()
        self._ringing: set[asyncio.Task[None]] = set()

    def appended(self) -> None:
        """This process has appended: tell everyone, wait for nobody."""
        self._version += 1
        for waiter in tuple(self._waiters):
            with contextlib.suppress(RuntimeError):  # a loop that is closed has nobody left to wake
                waiter.get_loop().call_soon_threadsafe(_wake, waiter)
        if self._doorbell is not None and not self._ringing:
            ringing = asyncio.create_task(self._announce(self._doorbell), name="ring the journal's doorbell")
            self._ringing.add(ringing)
            ringing.add_done_callback(self._ringing.discard)

    async def changed(self, wait: float) -> None:
        """Without having waited when this process appended since the calling task's last call returned."""
        task = asyncio.current_task()
        seen = self._seen.get(task, self._version) if task is not None else self._version
        if seen == self._version and wait > 0:
            await self._wait(wait)
        if task is not None:
            self._seen[task] = self._version

    async def close(self) -> None:
        """Rings that are under way are given up; other processes look by themselves."""
        running = [task for task in self._ringing if task.get_loop() is asyncio.get_running_loop()]
        for task in running:
            task.cancel()
        if running:
            await asyncio.wait(running)

    async def _announce(self, doorbell: Doorbell) -> None:
        told = -1
        while told != self._version:  # what was appended meanwhile is told by one more ring
            told = self._version
            with contextlib.suppress(ServiceUnavailableError):  # others look by themselves
                await doorbell.announce()

    async def _wait(self, wait: float) -> None:
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiters.add(waiter)
        rung = asyncio.create_task(self._rung(wait), name="wait for the journal's doorbell")
        try:
            await asyncio.wait({waiter, rung}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._waiters.discard(waiter)
            rung.cancel()
            await asyncio.wait({rung})
        if not rung.cancelled():
            rung.result()

    async def _rung(self, wait: float) -> None:
        if self._doorbell is None:
            await asyncio.sleep(min(wait, POLL_SECONDS))
            return
        try:
            await self._doorbell.announced(min(wait, DOORBELL_SECONDS))
        except ServiceUnavailableError:
            await asyncio.sleep(min(wait, POLL_SECONDS))


def _wake(waiter: "asyncio.Future[None]") -> None:
    if not waiter.done():
        waiter.set_result(None)
