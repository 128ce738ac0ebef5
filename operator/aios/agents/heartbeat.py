"""What a replica says of itself while it lives: idle, or at which task since when. Read by whoever shows agents."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator

from aios.agents.timings import Timings
from aios.cancellation import cancelled, heed_cancellation
from aios.errors import ServiceUnavailableError
from aios.ports.clock import Clock
from aios.ports.sessions import Sessions
from aios.spec.vocabulary import AgentPhase


class Heartbeat:
    """One replica's session entry. Losing it hides the replica until the next beat and harms nothing."""

    def __init__(self, sessions: Sessions, key: str, *, timings: Timings, clock: Clock) -> None:
        self._sessions = sessions
        self._key = key
        self._timings = timings
        self._clock = clock
        self._task = self._waits = self._trouble = ""
        self._since = clock.now()
        self._news = asyncio.Event()

    @contextlib.asynccontextmanager
    async def beating(self) -> AsyncIterator[None]:
        """Beat meanwhile; the entry is gone afterwards."""
        beats = asyncio.create_task(self._beat_on())
        try:
            yield
        finally:
            await cancelled(beats)
            with contextlib.suppress(ServiceUnavailableError):
                await self._sessions.delete(self._key)

    def show(self, task: str) -> None:
        """Say, in a moment, what it works at from now on; "" is nothing."""
        self._task, self._waits, self._trouble, self._since = task, "", "", self._clock.now()
        self._news.set()

    def wait(self, reason: str) -> None:
        """Say what its task waits for; "" is nothing any more."""
        if reason != self._waits:
            self._waits = reason
            self._news.set()

    def trouble(self, reason: str) -> None:
        """Say what keeps failing for its task; "" is nothing any more."""
        if reason != self._trouble:
            self._trouble = reason
            self._news.set()

    async def _beat_on(self) -> None:
        while True:
            await self._beat()
            heed_cancellation()
            if await self._has_news():
                await self._clock.sleep(self._timings.show_pause)  # so that many short tasks are a few beats

    async def _has_news(self) -> bool:
        """Whether there was any before the next beat is due."""
        news, due = (
            asyncio.ensure_future(self._news.wait()),
            asyncio.ensure_future(self._clock.sleep(self._timings.heartbeat)),
        )
        try:
            await asyncio.wait({news, due}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            news.cancel()
            due.cancel()
        return self._news.is_set()

    async def _beat(self) -> None:
        self._news.clear()
        phase = AgentPhase.WORKING if self._task else AgentPhase.IDLE
        beat = {"phase": phase, "task": self._task, "since": self._since.isoformat()}
        value = json.dumps({**beat, "waits": self._waits or self._trouble, "trouble": self._trouble})
        with contextlib.suppress(ServiceUnavailableError):
            await self._sessions.set(self._key, value, ttl=self._timings.heartbeat_ttl)
