"""Many gates that share a model: what leaves together, what waits, and what an outage of the store does."""

import asyncio
import logging
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest
from prometheus_client import REGISTRY

from aios.errors import ModelCallError
from aios.models import gate
from aios.models.admission import Reason
from aios.models.pace import Pace
from aios.ports.chat_model import ChatMessage, Role
from aios.tasks.attempt_events import Usage
from tests.contract.waiting import eventually
from tests.models.crowd import ANSWER, ASK, DOWN, FREE, PAID, Crowd, gathered, limited
from tests.twins.vanishing import VanishingLeases, VanishingSessions

UNHURRIED = Pace(window=400.0, lease_ttl=600.0)
"""Margins for a machine that is busy: time runs fifty times faster here, so a stall of 2 s is 100 s."""


@pytest.fixture(params=["sqlite", "redis"])
async def crowd(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Crowd]:
    redis = request.getfixturevalue("redis_server") if request.param == "redis" else ""
    async with gathered(tmp_path, redis=redis) as crowd:
        yield crowd


def openings() -> float:
    return REGISTRY.get_sample_value("aios_model_circuit_openings_total", {"model": "strong"}) or 0.0


def seconds_waited(reason: Reason) -> float:
    labels = {"model": "strong", "reason": str(reason)}
    return REGISTRY.get_sample_value("aios_model_wait_seconds_total", labels) or 0.0


async def calls(crowd: Crowd, count: int) -> None:
    """Wait until so many calls have come to the provider."""

    async def came() -> bool:
        return len(crowd.provider.came) >= count

    await eventually(came)


def held(crowd: Crowd) -> asyncio.Event:
    """Let the provider answer nobody until this is set."""
    crowd.provider.may_answer = asyncio.Event()
    return crowd.provider.may_answer


async def refusals(crowd: Crowd, more: int = 3) -> None:
    """Wait until the store has refused to answer some more."""
    expected = crowd.outage.refused + more

    async def refused() -> bool:
        return crowd.outage.refused >= expected

    await eventually(refused)


@pytest.mark.parametrize("concurrency", [1, 3])
async def test_no_more_calls_at_once_than_the_limit_and_all_are_answered(crowd: Crowd, concurrency: int) -> None:
    crowd.pace = UNHURRIED
    may_answer = held(crowd)
    asking = asyncio.create_task(crowd.ask_together(9, limited(concurrency=concurrency)))
    await calls(crowd, concurrency)
    may_answer.set()
    replies = await asking
    assert len(replies) == len(crowd.provider.keys) == 9
    assert crowd.provider.most == concurrency


async def test_a_call_longer_than_its_lease_keeps_its_place(crowd: Crowd) -> None:
    crowd.pace = Pace(lease_ttl=250.0)
    spec = limited(concurrency=1)
    crowd.provider.seconds = crowd.pace.lease_ttl * 1.5
    long = asyncio.create_task(crowd.ask(0, spec))
    await calls(crowd, 1)
    crowd.provider.seconds = 1.0
    await asyncio.gather(long, crowd.ask(1, spec), crowd.ask(2, spec))
    assert crowd.provider.most == 1


async def test_no_minute_holds_more_requests_than_the_limit(crowd: Crowd) -> None:
    crowd.pace = UNHURRIED
    crowd.provider.seconds = 0.1
    await crowd.ask_together(11, limited(requests_per_minute=5))
    assert crowd.provider.most_within(60) <= 5
    assert len(crowd.provider.came) == 11


async def test_tokens_that_were_not_used_let_others_go_on(crowd: Crowd) -> None:
    crowd.pace = Pace(window=3_000.0)
    crowd.provider.usage = Usage(input_tokens=10, output_tokens=10)
    request = replace(ASK, max_output_tokens=4_000)  # expected: about a thousand
    before = crowd.clock.monotonic()
    await crowd.ask_together(6, limited(tokens_per_minute=2_500), request)
    assert crowd.provider.most <= 2
    waited = crowd.clock.monotonic() - before
    assert waited < crowd.pace.window / 2, "twenty tokens each were used, so nobody waited for the next window"


async def test_a_large_call_is_not_starved_by_small_ones(crowd: Crowd) -> None:
    spec = limited(tokens_per_minute=1_200)
    crowd.provider.seconds = 0.1
    crowd.provider.usage = Usage(input_tokens=100, output_tokens=100)
    large = replace(ASK, messages=(ChatMessage(Role.USER, "x" * 8_000),))

    async def small() -> None:
        number = 100
        while True:
            await crowd.ask(number, spec)
            number += 1

    others = [asyncio.create_task(small())]
    try:
        await calls(crowd, 4)
        async with asyncio.timeout(30):
            assert await crowd.ask(0, spec, large)
    finally:
        for other in others:
            other.cancel()
        await asyncio.wait(others)


async def test_a_provider_that_fails_is_left_alone_by_all_and_then_tried_by_one(
    crowd: Crowd, monkeypatch: pytest.MonkeyPatch
) -> None:
    crowd.pace = Pace(first_open=250.0, lease_ttl=600.0)
    # On a slow disk the first of them would ask again, and be let through, before the fifth failure is counted.
    monkeypatch.setattr(gate, "backoff_seconds", lambda *_: 100.0)
    crowd.provider.failing = [DOWN] * 6
    opened, may_answer = openings(), held(crowd)
    asking = asyncio.create_task(crowd.ask_together(6, PAID))
    await calls(crowd, 6)  # so that none of them is still on its way when the circuit opens
    may_answer.set()
    replies = await asking
    assert [reply.text for reply in replies] == [ANSWER.text] * 6
    assert openings() == opened + 1
    came = crowd.provider.came
    assert came[6] - came[5] >= crowd.pace.first_open
    assert came[7] - came[6] >= crowd.provider.seconds, "nobody came while the probe was under way"
    assert any("left alone until about" in reason for reason in crowd.said)


async def test_a_wish_to_wait_is_granted_by_every_replica(crowd: Crowd) -> None:
    crowd.provider.failing = [ModelCallError("429", transient=True, retry_after=20.0)]
    await crowd.ask_together(1, PAID)
    # Long enough to be seen by whoever looks now and then, on a machine that is busy.
    crowd.provider.failing = [ModelCallError("429", transient=True, retry_after=250.0)]
    first = asyncio.create_task(crowd.ask(1, PAID))
    await calls(crowd, 3)

    async def paused() -> bool:
        return await crowd.sessions.get("model/default/strong/pause") is not None

    await eventually(paused)
    await crowd.ask(2, PAID)
    await first
    assert min(crowd.provider.came[3:]) - crowd.provider.came[2] > 249


async def test_limits_that_vanish_get_loose_and_nobody_waits_for_ever(crowd: Crowd) -> None:
    random = Random(1)
    sessions = VanishingSessions(crowd.sessions, random, chance=0.05)
    leases = VanishingLeases(crowd.leases, random, chance=0.05)
    crowd.sessions, crowd.leases = sessions, leases
    replies = await crowd.ask_together(12, limited(concurrency=2, requests_per_minute=6, tokens_per_minute=3_000))
    assert len(replies) == len(crowd.provider.keys) == len(set(crowd.provider.keys)) == 12
    lost = sessions.lives.ended + leases.lives.ended
    assert lost > 0
    assert crowd.provider.most <= 2 * (1 + lost)
    assert await crowd.cost(12) == 12 * await crowd.cost(1)


async def test_while_the_store_is_away_no_paid_call_starts_and_it_resumes_by_itself(
    crowd: Crowd, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "aios.models")
    waited = seconds_waited(Reason.STORE)
    crowd.outage.away = True
    asking = asyncio.create_task(crowd.ask(0, PAID))
    await refusals(crowd)
    assert (crowd.provider.came, await crowd.kinds()) == ([], ["Claimed"])
    crowd.outage.away = False
    async with asyncio.timeout(20):
        assert await asking == ANSWER
    assert await crowd.kinds() == ["Claimed", "CallStarted", "CallFinished"]
    logged = [record.message for record in caplog.records if "strong" in record.message]
    assert len(logged) == 1
    assert "127.0.0.1:6379 does not answer" in logged[0]
    assert crowd.said[0].startswith("model strong:")
    assert crowd.said[-1] == ""
    assert seconds_waited(Reason.STORE) > waited


async def test_a_long_outage_is_asked_about_now_and_then_only(crowd: Crowd) -> None:
    crowd.outage.away = True
    asking = asyncio.create_task(crowd.ask(0, PAID))
    await refusals(crowd, 10)
    asking.cancel()
    await asyncio.wait({asking})
    assert all(pause <= crowd.pace.outage_wait for pause in crowd.clock.slept)
    assert crowd.clock.slept[7] > 3 > crowd.clock.slept[0]


async def test_a_call_under_way_finishes_and_is_recorded_while_the_store_is_away(crowd: Crowd) -> None:
    may_answer = held(crowd)
    asking = asyncio.create_task(crowd.ask(0, limited(concurrency=1, tokens_per_minute=9_000)))
    await calls(crowd, 1)
    crowd.outage.away = True
    await refusals(crowd)
    may_answer.set()
    assert await asking == ANSWER
    assert await crowd.kinds() == ["Claimed", "CallStarted", "CallFinished"]


async def test_a_free_model_without_limits_needs_no_store(crowd: Crowd) -> None:
    crowd.outage.away = True
    assert await crowd.ask(0, FREE) == ANSWER
    assert crowd.outage.asked == 0


async def test_a_free_model_with_limits_is_not_admitted_on_a_guess(crowd: Crowd) -> None:
    crowd.outage.away = True
    asking = asyncio.create_task(crowd.ask(0, limited(FREE, concurrency=1)))
    await refusals(crowd)
    assert crowd.provider.came == []
    crowd.outage.away = False
    assert await asking == ANSWER


async def test_a_paid_model_without_limits_costs_one_look(crowd: Crowd) -> None:
    await crowd.ask(0, PAID)
    assert crowd.outage.asked == 1


async def test_a_call_that_gave_up_waiting_leaves_nothing_behind(crowd: Crowd) -> None:
    spec = limited(concurrency=1)
    crowd.pace = UNHURRIED
    may_answer = held(crowd)
    first = asyncio.create_task(crowd.ask(0, spec))
    await calls(crowd, 1)
    second = asyncio.create_task(crowd.ask(1, spec))

    async def has_the_turn() -> bool:
        return await crowd.leases.holder("model/default/strong/turn") is not None

    await eventually(has_the_turn)
    second.cancel()
    await asyncio.wait({second})
    assert await crowd.leases.holder("model/default/strong/turn") is None
    assert await crowd.kinds(1) == ["Claimed"]
    may_answer.set()
    assert await first == ANSWER
    assert await crowd.leases.holder("model/default/strong/slot/0") is None
