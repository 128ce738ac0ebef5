"""The circuit breaker over the laptop's Sessions, with the store's clock moved by hand."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from aios.embedded.sessions import SqliteSessions
from aios.errors import ModelCallError
from aios.models.breaker import Breaker
from aios.models.pace import Pace
from tests.models.crowd import DOWN, HandClock

PACE = Pace()


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
async def sessions(tmp_path: Path, clock: HandClock) -> AsyncIterator[SqliteSessions]:
    sessions = SqliteSessions(tmp_path / "sessions.db", clock=clock)
    yield sessions
    await sessions.close()


@pytest.fixture
def breaker(sessions: SqliteSessions, clock: HandClock) -> Breaker:
    return Breaker(sessions, "model/default/strong", "strong", clock=clock, pace=PACE)


async def fail(breaker: Breaker, times: int = PACE.failures, error: ModelCallError = DOWN) -> None:
    for _ in range(times):
        await breaker.failed(error, None, probe=False)


async def test_failures_in_a_row_open_it_and_the_message_says_until_when(breaker: Breaker) -> None:
    await fail(breaker, PACE.failures - 1)
    assert not (await breaker.condition()).pause
    await fail(breaker, 1)
    assert (
        await breaker.condition()
    ).pause == "it failed 5 times in a row (HTTP 503); left alone until about 12:00:05 UTC"


async def test_an_answer_in_between_begins_the_count_again(breaker: Breaker) -> None:
    await fail(breaker, PACE.failures - 1)
    await breaker.succeeded((await breaker.condition()).seen, probe=False)
    await fail(breaker, PACE.failures - 1)
    assert not (await breaker.condition()).pause


async def test_when_its_time_is_over_it_is_half_open_until_the_probe_is_answered(
    breaker: Breaker, clock: HandClock
) -> None:
    await fail(breaker)
    clock.at += PACE.first_open + 1
    condition = await breaker.condition()
    assert (condition.pause, condition.half_open) == ("", True)
    await breaker.succeeded(condition.seen, probe=True)
    closed = await breaker.condition()
    assert (closed.pause, closed.half_open) == ("", False)


async def test_a_probe_that_fails_opens_it_for_longer_up_to_a_bound(breaker: Breaker, clock: HandClock) -> None:
    await fail(breaker)
    for expected in (10, 20, 40, 80, 160, 300, 300):
        clock.at += PACE.longest_open + 1
        await breaker.failed(DOWN, None, probe=True)
        clock.at += expected - 1
        assert (await breaker.condition()).pause
        clock.at += 2
        assert (await breaker.condition()).half_open


async def test_calls_that_were_under_way_when_it_opened_do_not_prolong_it(breaker: Breaker, clock: HandClock) -> None:
    await fail(breaker)
    await fail(breaker, 20)
    clock.at += PACE.first_open + 1
    assert (await breaker.condition()).half_open


async def test_a_provider_that_asks_to_wait_is_waited_for_by_all_and_has_not_failed(
    breaker: Breaker, clock: HandClock
) -> None:
    await fail(breaker, 20, ModelCallError("429", transient=True, retry_after=30.0, works=True))
    assert (await breaker.condition()).pause.startswith("the provider asked to wait")
    await fail(breaker, 1, ModelCallError("429", transient=True, retry_after=2.0, works=True))
    clock.at += 29
    assert (await breaker.condition()).pause, "a shorter wish does not shorten a longer one"
    clock.at += 2
    condition = await breaker.condition()
    assert (condition.pause, condition.half_open) == ("", False)


async def test_a_provider_that_is_down_and_asks_to_wait_is_left_alone_all_the_same(
    breaker: Breaker, clock: HandClock
) -> None:
    for _ in range(PACE.failures):
        await fail(breaker, 1, ModelCallError("503", transient=True, retry_after=1.0))
        assert (await breaker.condition()).pause
        clock.at += 1.5
    assert "times in a row" in (await breaker.condition()).pause
    clock.at += PACE.first_open
    assert (await breaker.condition()).half_open


async def test_a_refusal_shows_a_provider_that_works(breaker: Breaker, clock: HandClock) -> None:
    await fail(breaker)
    clock.at += PACE.first_open + 1
    seen = (await breaker.condition()).seen
    await breaker.failed(ModelCallError("400", transient=False), seen, probe=True)
    assert not (await breaker.condition()).half_open


async def test_a_state_that_vanished_is_closed(breaker: Breaker, sessions: SqliteSessions) -> None:
    await fail(breaker)
    for key in await sessions.scan("model/"):
        await sessions.delete(key)
    assert not (await breaker.condition()).pause
