"""What an engine finds in a state folder when it starts: the dead are forgotten, the living are let work."""

from pathlib import Path

import pytest

from aios.embedded.leases import SqliteLeases
from aios.embedded.state_folder import StateFolder
from aios.wiring.laptop import Workers, laptop

LEASE, HOLDER = "attempt/default/p/d/t/1", "worker-1"


@pytest.mark.parametrize(
    ("workers", "lives"), [(Workers.HERE, False), (Workers.ISOLATED, False), (Workers.ELSEWHERE, True)]
)
async def test_an_engine_that_starts_forgets_only_workers_that_died_with_the_one_before(
    tmp_path: Path, workers: Workers, lives: bool
) -> None:
    state = StateFolder(tmp_path / ".aios")
    state.open()
    leases, copy = SqliteLeases(state.leases), state.scratch / "copy"
    try:
        assert await leases.acquire(LEASE, HOLDER, ttl=60)
        copy.mkdir(parents=True)
        async with laptop(state, workers=workers) as running:
            assert (await running.ports.leases.holder(LEASE) == HOLDER) == lives
            assert copy.exists() == lives
    finally:
        await leases.close()
