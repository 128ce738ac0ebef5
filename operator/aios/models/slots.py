"""Slots: leases a call holds while it runs: one of a model's places (limits.concurrency), the probe, the turn.

They are advisory, as every lease: when Leases lose everything, calls under way go on without a place while others get
one, so that for a while at most twice the limit is under way. The provider's own limit still stands; nothing is lost
or charged twice by it. A holder that died frees its slots when they expire.
"""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Sequence

from aios.cancellation import cancelled, heed_cancellation
from aios.errors import ServiceUnavailableError
from aios.models.pace import Pace
from aios.ports.clock import Clock
from aios.ports.leases import Leases

LOOKED_AT = 16
"""Places that are tried in one go, picked by chance: with a thousand of them most of a busy model's are taken."""


class Slots:
    """Leases under one prefix, by the pace's times."""

    def __init__(self, leases: Leases, prefix: str, *, clock: Clock, pace: Pace) -> None:
        self._leases = leases
        self._prefix = prefix
        self._clock = clock
        self._pace = pace

    async def take(self, name: str, holder: str) -> bool:
        """Take or extend the one called `name`."""
        return await self._leases.acquire(f"{self._prefix}/{name}", holder, ttl=self._pace.lease_ttl)

    async def take_place(self, places: int, holder: str) -> str:
        """The name of a free one of so many places; "" when all that were tried are taken."""
        for number in random.sample(range(places), min(places, LOOKED_AT)):
            name = f"slot/{number}"
            if await self.take(name, holder):
                return name
        return ""

    async def holder(self, name: str) -> str | None:
        """Who has it."""
        return await self._leases.holder(f"{self._prefix}/{name}")

    async def release(self, names: Sequence[str], holder: str) -> None:
        """Give them up. While the store is away they expire by themselves."""
        with contextlib.suppress(ServiceUnavailableError):
            for name in names:
                await self._leases.release(f"{self._prefix}/{name}", holder)

    @contextlib.asynccontextmanager
    async def held(self, names: Sequence[str], holder: str) -> AsyncIterator[None]:
        """Keep them from expiring meanwhile, then give them up."""
        renewal = asyncio.create_task(self._renew(names, holder)) if names else None
        try:
            yield
        finally:
            if renewal is not None:
                await cancelled(renewal)
            await self.release(names, holder)

    async def _renew(self, names: Sequence[str], holder: str) -> None:
        while True:
            await self._clock.sleep(self._pace.lease_renewal)
            with contextlib.suppress(ServiceUnavailableError):
                for name in names:
                    await self.take(name, holder)
            heed_cancellation()
