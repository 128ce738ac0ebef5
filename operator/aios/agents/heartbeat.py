"""What a replica says of itself while it lives: idle, or at which task since when. Read by whoever shows agents."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator

from aios.agents.timings import Timings
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
        self._task = ""
        self._since = clock.now()

    @contextlib.asynccontextmanager
    async def beating(self) -> AsyncIterator[None]:
        """Beat meanwhile; the entry is gone afterwards."""
        beats = asyncio.create_task(self._beat_on())
        try:
            yield
        finally:
            beats.cancel()
            await asyncio.wait({beats})
            with contextlib.suppress(ServiceUnavailableError):
                await self._sessions.delete(self._key)

    async def show(self, task: str) -> None:
        """Say what it works at from now on; "" is nothing."""
        self._task, self._since = task, self._clock.now()
        await self._beat()

    async def _beat_on(self) -> None:
        while True:
            await self._beat()
            await self._clock.sleep(self._timings.heartbeat)

    async def _beat(self) -> None:
        phase = AgentPhase.WORKING if self._task else AgentPhase.IDLE
        value = json.dumps({"phase": phase, "task": self._task, "since": self._since.isoformat()})
        with contextlib.suppress(ServiceUnavailableError):
            await self._sessions.set(self._key, value, ttl=self._timings.heartbeat_ttl)
