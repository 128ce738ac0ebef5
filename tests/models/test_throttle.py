"""The throttle over the laptop's Sessions, with the store's clock moved by hand."""

import random
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from aios.embedded.sessions import SqliteSessions
from aios.models.throttle import Throttle
from tests.models.crowd import HandClock

WINDOW = 61.0


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
async def sessions(tmp_path: Path, clock: HandClock) -> AsyncIterator[SqliteSessions]:
    sessions = SqliteSessions(tmp_path / "sessions.db", clock=clock)
    yield sessions
    await sessions.close()


@pytest.mark.parametrize("limit", [1, 2, 12, 13, 100])
async def test_exactly_the_limit_is_granted_in_a_window(sessions: SqliteSessions, clock: HandClock, limit: int) -> None:
    throttle = Throttle(sessions, "m/requests", limit, window=WINDOW)
    granted = [bool(await throttle.take(1)) for _ in range(limit + 3)]
    assert sum(granted) == limit
    clock.at += WINDOW - 1
    assert not await throttle.take(1)
    clock.at += 2
    assert await throttle.take(1)


@pytest.mark.parametrize("seed", range(5))
async def test_no_window_holds_more_than_the_limit_however_replicas_come(
    sessions: SqliteSessions, clock: HandClock, seed: int
) -> None:
    chance = random.Random(seed)
    limit = chance.choice([3, 12, 40])
    replicas = [Throttle(sessions, "m/requests", limit, window=WINDOW) for _ in range(3)]
    granted: list[float] = []
    for _ in range(400):
        clock.at += chance.choice([0, 0, 0.1, 1, 5, 20])
        if await chance.choice(replicas).take(1):
            granted.append(clock.at)
    assert granted
    assert max(sum(first <= other <= first + 60 for other in granted) for first in granted) <= limit


async def test_steady_traffic_well_below_the_limit_never_waits(sessions: SqliteSessions, clock: HandClock) -> None:
    throttle = Throttle(sessions, "m/requests", 60, window=WINDOW)
    for _ in range(300):
        clock.at += 1.25
        assert await throttle.take(1)


async def test_tokens_are_all_or_nothing(sessions: SqliteSessions, clock: HandClock) -> None:
    throttle = Throttle(sessions, "m/tokens", 1_000, window=WINDOW)
    assert await throttle.take(700)
    assert not await throttle.take(400)
    assert await throttle.take(300), "what did not fit was put back"
    clock.at += WINDOW + 1
    assert await throttle.take(5_000), "more than the limit is admitted when nobody else is there"
    assert not await throttle.take(1)


async def test_what_was_not_used_is_given_back_once(sessions: SqliteSessions, clock: HandClock) -> None:
    throttle = Throttle(sessions, "m/tokens", 1_000, window=WINDOW)
    shares = await throttle.take(1_000)
    await throttle.give_back(shares, 600)
    assert await throttle.take(600)
    clock.at += WINDOW + 1
    assert await throttle.take(1_000)
    await throttle.give_back(shares)
    assert not await throttle.take(1), "what has expired is nobody's to give back"


async def test_what_was_used_beyond_counts_beyond_the_limit(sessions: SqliteSessions) -> None:
    throttle = Throttle(sessions, "m/tokens", 1_000, window=WINDOW)
    assert await throttle.take(900)
    await throttle.charge(5_000)
    assert not await throttle.take(1)
