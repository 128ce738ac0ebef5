"""Sessions and leases by the store's clock, whatever that clock does."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from aios.embedded.leases import SqliteLeases
from aios.embedded.sessions import SqliteSessions


class _Clock:
    """A machine's monotonic clock under a test's control."""

    def __init__(self) -> None:
        self.time = 1_000_000.0

    def __call__(self) -> float:
        return self.time


@pytest.fixture
def clock() -> _Clock:
    return _Clock()


@pytest.fixture
async def sessions(tmp_path: Path, clock: _Clock) -> AsyncIterator[SqliteSessions]:
    client = SqliteSessions(tmp_path / "sessions.db", clock=clock)
    yield client
    await client.close()


@pytest.fixture
async def leases(tmp_path: Path, clock: _Clock) -> AsyncIterator[SqliteLeases]:
    client = SqliteLeases(tmp_path / "leases.db", clock=clock)
    yield client
    await client.close()


async def test_session_ends_with_its_time_to_live(sessions: SqliteSessions, clock: _Clock) -> None:
    await sessions.set("a", "x", ttl=10)
    clock.time += 9.9
    assert await sessions.get("a") == "x"
    clock.time += 0.2
    assert await sessions.get("a") is None
    assert dict(await sessions.scan("")) == {}
    assert await sessions.compare_and_set("a", None, "y", ttl=10)


async def test_lease_ends_unless_it_is_renewed(leases: SqliteLeases, clock: _Clock) -> None:
    assert await leases.acquire("a", "me", ttl=10)
    clock.time += 8
    assert await leases.acquire("a", "me", ttl=10)
    clock.time += 8
    assert not await leases.acquire("a", "you", ttl=10)
    clock.time += 3
    assert await leases.holder("a") is None
    assert await leases.acquire("a", "you", ttl=10)


async def test_what_is_from_before_a_restart_of_the_machine_has_expired(
    sessions: SqliteSessions, leases: SqliteLeases, clock: _Clock
) -> None:
    await sessions.set("a", "x", ttl=10)
    assert await leases.acquire("a", "me", ttl=10)
    clock.time = 5.0
    assert await sessions.get("a") is None
    assert dict(await sessions.scan("")) == {}
    assert await leases.holder("a") is None
    assert await leases.acquire("a", "you", ttl=10)
    assert await leases.holder("a") == "you"
    await sessions.set("a", "y", ttl=10)
    assert await sessions.get("a") == "y"
