"""Turns at a workspace's HEAD, for those who share a process.

HEAD moves by compare-and-swap, so nobody needs a turn to be safe; but ten workers who finish at once would each win
one race in ten and prepare nine commits in vain. Refuses to be more than a courtesy: whoever has waited long enough
for one that hangs goes on without a turn, and other processes are met at the compare-and-swap alone.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from weakref import WeakValueDictionary

PATIENCE_SECONDS = 1.0
"""A commit takes milliseconds; ten of them are through before this."""


class Turn:
    """The turn at one workspace. For one event loop."""

    def __init__(self) -> None:
        self._lock = asyncio.Lock()

    @contextlib.asynccontextmanager
    async def taken(self) -> AsyncIterator[None]:
        """Alone meanwhile, if those before do not hang."""
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                await self._lock.acquire()
        except TimeoutError:
            yield
            return
        try:
            yield
        finally:
            self._lock.release()


class Turns:
    """The turns of a process, each as long as anybody knows it."""

    def __init__(self) -> None:
        self._known: WeakValueDictionary[str, Turn] = WeakValueDictionary()

    def at(self, prefix: str) -> Turn:
        """The turn at the workspace under `prefix`; whoever keeps it keeps it alive."""
        turn = self._known.get(prefix)
        if turn is None:
            turn = self._known[prefix] = Turn()
        return turn
