"""Clocks that are wrong, that differ, and that somebody sets in the midst of work: no call is repeated, no task lost,
nobody's lease taken while he lives, and no timer strikes an hour early or late.

What stays: an engine that takes over knows the run's time by its last record, so a timer may be late by as long as
nobody drove the run and nothing happened before. A monotonic clock that jumps breaks its system's word and ours.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime, tzinfo
from pathlib import Path

import pytest

from aios.adapters.scripted import LEDGER
from aios.agents.worker import AgentWorker
from aios.embedded import journal as embedded_journal
from aios.embedded.state_folder import StateFolder
from aios.ports.chat_model import ChatRequest
from aios.ports.clock import Clock
from aios.spec.vocabulary import ProjectPhase
from aios.tasks.attempt_events import Claimed
from aios.tasks.result import Outcome
from aios.tasks.run_events import AnyRunEvent, Dispatched, RetryScheduled
from aios.wiring.stated import Sources
from aios.wiring.up import UpOptions, up
from tests.agents.stage import QUICK, FakeModel, reply, staged
from tests.contract.waiting import eventually
from tests.faults.child import Nobody
from tests.faults.verdict import Verdict, judge
from tests.faults.wild_clock import HOUR, JumpingClock, WrongClock
from tests.projects.building import build_project, task
from tests.projects.laptop import Laptop
from tests.projects.simulation import answers

SCENARIO = Path(__file__).parent / "scenario"
LATE_SECONDS = 60.0
"""More than any of this takes, and far less than an hour."""


@pytest.fixture
async def laptop(tmp_path: Path) -> AsyncIterator[Laptop]:
    made = Laptop(tmp_path)
    yield made
    await made.close()


class SetDatetime(datetime):
    """What the journal's host thinks: somebody sets its clock between any two records."""

    clock = JumpingClock()

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> "SetDatetime":
        del tz
        return cls.fromisoformat(cls.clock.now().isoformat())


@pytest.fixture
def set_journal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded_journal, "datetime", SetDatetime)


def waits(events: list[AnyRunEvent]) -> list[tuple[float, float]]:
    """For each retry how long it was to wait and how long it did, by the run's time."""
    asked = [event for event in events if isinstance(event, RetryScheduled)]
    begun = {(one.task.name, one.attempt): one.at for one in events if isinstance(one, Dispatched)}
    return [(one.due - one.at, begun[one.task, one.attempt + 1] - one.at) for one in asked]


def check(events: list[AnyRunEvent], *, retries: int) -> None:
    """Each attempt was ordered once and each retry neither early nor an hour late."""
    ordered = [(one.task.name, one.attempt) for one in events if isinstance(one, Dispatched)]
    assert len(ordered) == len(set(ordered))
    assert len(waits(events)) == retries
    for wanted, waited in waits(events):
        assert wanted <= waited < wanted + LATE_SECONDS


@pytest.mark.usefixtures("set_journal")
async def test_an_engine_whose_wall_clock_is_set_again_and_again_keeps_its_timers(laptop: Laptop) -> None:
    laptop.ports = replace(laptop.ports, clock=JumpingClock())
    await laptop.prepare()
    laptop.start_engine()
    laptop.start_workers(answers(Outcome.MODEL_ERROR, Outcome.MODEL_ERROR, Outcome.SUCCEEDED))
    ref = await laptop.apply(build_project("skewed", task("a"), task("b", "a"), timeout="30m"))
    status = await laptop.ended(ref)
    assert status.phase is ProjectPhase.SUCCEEDED
    check(await laptop.events(status.id), retries=4)


@pytest.mark.parametrize("ahead", [1, -1], ids=["ahead", "behind"])
async def test_an_engine_on_a_machine_an_hour_off_takes_a_timer_over_as_it_stands(laptop: Laptop, ahead: int) -> None:
    await laptop.prepare()
    _, first = laptop.start_engine("first")
    laptop.start_workers(answers(Outcome.MODEL_ERROR, Outcome.SUCCEEDED))
    ref = await laptop.apply(build_project("skewed", task("a"), timeout="30m"))
    run = (await laptop.running(ref)).id
    await laptop.eventually(lambda: _waits_for_a_retry(laptop, run))
    await laptop.stop(first)
    laptop.ports = replace(laptop.ports, clock=WrongClock(skew=ahead * HOUR, booted=ahead * HOUR.total_seconds()))
    laptop.start_engine("second")
    assert (await laptop.ended(ref)).phase is ProjectPhase.SUCCEEDED
    check(await laptop.events(run), retries=1)


async def _waits_for_a_retry(laptop: Laptop, run: str) -> bool:
    return any(isinstance(event, RetryScheduled) for event in await laptop.events(run))


@pytest.mark.parametrize(
    "clock",
    [WrongClock(HOUR, booted=3_600.0), WrongClock(-HOUR, booted=-3_600.0), JumpingClock()],
    ids=["ahead", "behind", "jumping"],
)
async def test_a_worker_an_hour_off_takes_no_lease_of_the_living(tmp_path: Path, clock: Clock) -> None:
    thinks = asyncio.Event()

    async def think(_: ChatRequest) -> None:
        thinks.set()
        await asyncio.sleep(3 * QUICK.lease_ttl)

    model = FakeModel([reply("It is done.")], during=think)
    async with staged(tmp_path) as stage:
        await stage.dispatch()
        wrong = AgentWorker(
            stage.config, "w2", stage.ports, lambda _: model, scratch=tmp_path / "w2", clock=clock, timings=QUICK
        )
        async with stage.running(stage.worker(model)):
            await asyncio.wait_for(thinks.wait(), 20)
            async with stage.running(wrong):
                await stage.ring()  # whoever comes finds the attempt leased
                assert (await stage.ended()).outcome is Outcome.SUCCEEDED
        claims = [event.worker for event in await stage.events() if isinstance(event, Claimed)]
    assert (claims, len(model.asked)) == (["w1"], 1)


@pytest.mark.parametrize("clock", [WrongClock(HOUR, booted=3_600.0), WrongClock(-HOUR, booted=-3_600.0)])
async def test_a_worker_an_hour_off_keeps_its_own_lease(tmp_path: Path, clock: Clock) -> None:
    async def think(_: ChatRequest) -> None:
        await asyncio.sleep(3 * QUICK.lease_ttl)

    model, rival = FakeModel([reply("It is done.")], during=think), FakeModel([reply("It is done.")])
    async with staged(tmp_path) as stage:
        await stage.dispatch()
        wrong = AgentWorker(
            stage.config, "w1", stage.ports, lambda _: model, scratch=tmp_path / "w1", clock=clock, timings=QUICK
        )
        async with stage.running(wrong):
            await stage.recorded("CallStarted")
            async with stage.running(stage.worker(rival, "w2")):
                await stage.ring()
                assert (await stage.ended()).outcome is Outcome.SUCCEEDED
    assert (len(model.asked), rival.asked) == (1, [])


@pytest.mark.usefixtures("set_journal")
@pytest.mark.parametrize("ahead", [1, -1], ids=["ahead", "behind"])
async def test_a_laptop_whose_clock_is_set_between_a_crash_and_the_next_start_repeats_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ahead: int
) -> None:
    state, ledger = StateFolder(tmp_path / ".aios"), tmp_path / "ledger.jsonl"
    monkeypatch.setenv(LEDGER, str(ledger))
    options = UpOptions(state=state, sources=Sources((str(SCENARIO),)), once=True)
    _set_clocks(monkeypatch, JumpingClock())
    running = asyncio.create_task(up(options, Nobody(), asyncio.Event()))
    await eventually(lambda: _was_asked(ledger, times=3))
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running
    _set_clocks(monkeypatch, WrongClock(ahead * HOUR, booted=ahead * HOUR.total_seconds()))
    async with asyncio.timeout(60):
        assert (await up(options, Nobody(), asyncio.Event())).succeeded
    verdict = await judge(state.path, ledger, namespace="default", project="small")
    held = Verdict(lost=0, repeated=0, unrecorded=0, in_doubt=verdict.in_doubt, double_commit=0, failed=0)
    assert verdict == held
    assert verdict.in_doubt <= 3


async def _was_asked(ledger: Path, *, times: int) -> bool:
    return ledger.exists() and ledger.read_bytes().count(b"\n") >= times


def _set_clocks(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> None:
    """For the engine, the reconciler and the workers that are started from now on."""
    monkeypatch.setattr("aios.wiring.laptop.SystemClock", lambda: clock)
    monkeypatch.setattr("aios.agents.worker.SystemClock", lambda: clock)
