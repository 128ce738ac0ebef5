"""Beside an attempt's work: its lease outlives a store that hangs."""

import asyncio
from dataclasses import dataclass, field
from itertools import pairwise

import pytest

from aios.agents.vigil import leased
from aios.errors import ServiceUnavailableError
from aios.ports.clock import SystemClock
from tests.agents.stage import QUICK


@dataclass
class Ailing:
    """A store whose second answer never comes, and whose next ones are refusals."""

    asked: list[float] = field(default_factory=list)
    often: asyncio.Event = field(default_factory=asyncio.Event)

    async def acquire(self, name: str, holder: str, *, ttl: float) -> bool:
        del name, holder, ttl
        self.asked.append(asyncio.get_running_loop().time())
        if len(self.asked) == 6:
            self.often.set()
        if len(self.asked) == 2:
            await asyncio.sleep(3_600)
        if 2 < len(self.asked) < 5:
            raise ServiceUnavailableError("Redis does not answer")
        return True

    async def release(self, name: str, holder: str) -> None:
        """Nothing is kept."""

    async def holder(self, name: str) -> str | None:
        del name
        return None


@pytest.mark.usefixtures("skipped_time")
async def test_who_cannot_renew_tries_again_at_once() -> None:
    """When the store is back, perhaps emptied, others try to take the lease every moment."""
    store = Ailing()
    async with leased(store, "attempt", "w", timings=QUICK, clock=SystemClock()) as mine, asyncio.timeout(30):
        assert mine
        await store.often.wait()
    pauses = [later - earlier for earlier, later in pairwise(store.asked[:6])]
    hung = QUICK.lease_ttl / 3  # for a part of the lease's time only
    again = QUICK.watch_pause
    assert pauses == pytest.approx([QUICK.lease_renewal, hung + again, again, again, QUICK.lease_renewal])
