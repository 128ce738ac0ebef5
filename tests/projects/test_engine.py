"""The engine on the embedded ports: it journals before it acts, and whatever vanishes it ends what it began."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from aios.errors import InvalidSpecError
from aios.naming import agent_name, dead_letter_queue, engine_queue, queue_name
from aios.ports.broker import Consumer
from aios.ports.clock import SystemClock
from aios.ports.journal import Record, Stored
from aios.ports.resources import AnyResource
from aios.projects import listeners
from aios.projects.activity import ActivityLedger
from aios.projects.engine import LOOK_EVERY
from aios.spec.agent import Agent, AgentSpec
from aios.spec.base import Condition, ObjectMeta, Ref
from aios.spec.project import Project, ProjectStatus
from aios.spec.vocabulary import Privacy, ProjectPhase, TaskPhase
from aios.tasks.result import Outcome, Spend, TaskResult
from aios.tasks.run_events import DoorbellDied, EngineStarted, RunStarted
from tests.contract.waiting import eventually
from tests.projects.building import CHAIN, MEMBERS, MODELS, build_project, build_team, task
from tests.projects.laptop import Laptop, attempts_of


async def test_a_project_runs_to_its_end_and_its_status_mirrors_the_journal(laptop: Laptop) -> None:
    await laptop.prepare()
    laptop.start_engine()
    spend = Spend(calls=2, input_tokens=10, output_tokens=5)
    laptop.start_workers(lambda *_: TaskResult(outcome=Outcome.SUCCEEDED, spend=spend))
    ref = await laptop.apply(build_project("word-count", *CHAIN))
    status = await laptop.ended(ref)
    assert status.phase is ProjectPhase.SUCCEEDED
    assert [(one.name, one.phase, one.member, one.model) for one in status.tasks] == [
        (name, TaskPhase.SUCCEEDED, "developer", "local") for name in "abc"
    ]
    assert (status.calls, status.tokens) == (6, 45)
    assert status.started_at is not None
    assert status.ended_at is not None
    assert attempts_of([*await laptop.events(status.id)]) == [("a", 1), ("b", 1), ("c", 1)]


class Timeless(SystemClock):
    """Who sleeps is never woken."""

    async def sleep(self, seconds: float) -> None:
        await asyncio.Event().wait()


async def test_from_a_result_to_the_next_dispatch_nothing_sleeps(laptop: Laptop) -> None:
    """Were a single bell missed, its sweep would never come."""
    laptop.ports = replace(laptop.ports, clock=Timeless())
    await laptop.prepare()
    laptop.start_engine()
    laptop.start_workers()
    chain = [task("t0"), *(task(f"t{number}", f"t{number - 1}") for number in range(1, 10))]
    ref = await laptop.apply(build_project("word-count", *chain))
    assert (await laptop.ended(ref)).phase is ProjectPhase.SUCCEEDED


async def test_a_project_the_operator_has_not_accepted_starts_nothing(laptop: Laptop) -> None:
    await laptop.prepare()
    laptop.start_engine()
    project = build_project("word-count", *CHAIN)
    await laptop.resources.apply(project)
    refused = Condition(type="Ready", status="False", reason="TeamNotReady", observed_generation=1)
    await laptop.resources.write_status(project.ref, ProjectStatus(observed_generation=1, conditions=(refused,)))
    other = await laptop.apply(build_project("other", task("a")))
    laptop.start_workers()
    await laptop.ended(other)
    assert not await laptop.journal.streams("runs/default/word-count/")


async def test_a_killed_engine_is_replaced_and_nothing_is_done_twice(laptop: Laptop) -> None:
    await laptop.prepare()
    _, first = laptop.start_engine("first")
    go_on = asyncio.Event()
    laptop.start_workers(held={"a": go_on})
    ref = await laptop.apply(build_project("word-count", *CHAIN))
    await laptop.claimed(ref, "a")
    await laptop.stop(first)
    laptop.start_engine("second")
    await laptop.driven_by(ref, "second")
    go_on.set()
    status = await laptop.ended(ref)
    assert status.phase is ProjectPhase.SUCCEEDED
    events = await laptop.events(status.id)
    assert attempts_of([*events]) == [("a", 1), ("b", 1), ("c", 1)]
    assert [event.engine for event in events if isinstance(event, EngineStarted)] == ["first", "second"]


async def test_results_are_found_although_no_bell_rings(laptop: Laptop) -> None:
    await laptop.prepare()
    laptop.start_engine(sweep_seconds=0.05)
    laptop.start_workers(ring=False)
    ref = await laptop.apply(build_project("word-count", *CHAIN))
    assert (await laptop.ended(ref)).phase is ProjectPhase.SUCCEEDED


async def test_a_result_is_found_although_no_bell_rings_and_its_worker_does_not_let_go(laptop: Laptop) -> None:
    await laptop.prepare()
    laptop.start_engine(sweep_seconds=0.05)
    laptop.start_workers(ring=False, let_go=False)
    ref = await laptop.apply(build_project("word-count", task("a")))
    assert (await laptop.ended(ref)).phase is ProjectPhase.SUCCEEDED


async def test_an_attempt_in_somebodys_hands_is_not_read_with_every_sweep(
    laptop: Laptop, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, sweeps, looks = laptop.journal.read, 0, 0

    async def counting_reads(stream: str, after: int = 0, limit: int | None = None) -> Sequence[Stored]:
        nonlocal looks
        looks += stream.startswith("attempts/")
        return await read(stream, after, limit)

    async def held(name: str) -> str:
        nonlocal sweeps
        sweeps += 1
        return name

    await laptop.prepare()
    laptop.start_engine(sweep_seconds=0.02)
    ref = await laptop.apply(build_project("word-count", task("a")))
    await laptop.until(ref, lambda status: any(one.phase is TaskPhase.RUNNING for one in status.tasks))
    monkeypatch.setattr(laptop.journal, "read", counting_reads)
    monkeypatch.setattr(laptop.leases, "holder", held)

    async def swept() -> bool:
        return sweeps >= 4 * LOOK_EVERY

    await laptop.eventually(swept)
    assert looks <= sweeps / LOOK_EVERY + 2  # one may have been due at the start, one is under way


async def test_a_lost_doorbell_is_rung_again(laptop: Laptop) -> None:
    await laptop.prepare()
    laptop.start_engine(sweep_seconds=0.05)
    ref = await laptop.apply(build_project("word-count", task("a")))
    queue = queue_name("default", "software", "developer")
    async with laptop.broker.consume(queue) as thief:
        stolen = await thief.receive(30)
        assert stolen is not None
        await stolen.ack()
    laptop.start_workers()
    assert (await laptop.ended(ref)).phase is ProjectPhase.SUCCEEDED


async def test_queues_that_come_later_are_rung_later(laptop: Laptop) -> None:
    await laptop.prepare(queues=False)
    laptop.start_engine(sweep_seconds=0.05)
    ref = await laptop.apply(build_project("word-count", task("a")))
    await laptop.until(ref, lambda status: any(one.phase is TaskPhase.RUNNING for one in status.tasks))
    await laptop.prepare()
    laptop.start_workers()
    assert (await laptop.ended(ref)).phase is ProjectPhase.SUCCEEDED


async def test_bells_that_ring_twice_or_for_nothing_change_nothing(laptop: Laptop) -> None:
    await laptop.prepare()
    laptop.start_engine()
    go_on = asyncio.Event()
    laptop.start_workers(held={"a": go_on})
    ref = await laptop.apply(build_project("word-count", *CHAIN))
    status = await laptop.running(ref)
    for _ in range(20):
        await laptop.ring(status.id, "a", 1)
        await laptop.ring(status.id, "zoe", 7)
        await laptop.ring("default/nobody/0", "a", 1)
    go_on.set()
    status = await laptop.ended(ref)
    assert attempts_of([*await laptop.events(status.id)]) == [("a", 1), ("b", 1), ("c", 1)]


async def test_of_two_engines_one_has_the_run_and_the_other_lets_go(laptop: Laptop) -> None:
    await laptop.prepare()
    laptop.start_engine("first", sweep_seconds=0.05)
    go_on = asyncio.Event()
    laptop.start_workers(held={"a": go_on})
    ref = await laptop.apply(build_project("word-count", *CHAIN))
    await laptop.claimed(ref, "a")
    laptop.start_engine("second", sweep_seconds=0.05)
    await laptop.driven_by(ref, "second")
    go_on.set()
    status = await laptop.ended(ref)
    events = await laptop.events(status.id)
    assert attempts_of([*events]) == [("a", 1), ("b", 1), ("c", 1)]
    assert [event.engine for event in events if isinstance(event, EngineStarted)] == ["first", "second"]


async def test_a_run_that_another_engine_took_and_left_is_taken_back(laptop: Laptop) -> None:
    await laptop.prepare()
    laptop.start_engine("first", sweep_seconds=0.05, hands_off_seconds=0.5)
    ref = await laptop.apply(build_project("word-count", *CHAIN))
    run = (await laptop.running(ref)).id
    _, second = laptop.start_engine("second", sweep_seconds=0.05, hands_off_seconds=0.5)
    await laptop.driven_by(ref, "second")
    await laptop.ring(run, "a", 1)  # the first one learns of it when it next has something to write
    await laptop.stop(second)
    laptop.start_workers()
    status = await laptop.ended(ref)
    assert attempts_of([*await laptop.events(status.id)]) == [("a", 1), ("b", 1), ("c", 1)]


async def test_a_restricted_task_with_only_cloud_models_waits_and_says_why(laptop: Laptop) -> None:
    await laptop.prepare()
    laptop.start_engine()
    secret = task("secret", privacy="Restricted", member="architect", complexity=8)
    ref = await laptop.apply(build_project("word-count", secret))
    status = await laptop.until(ref, lambda status: bool(status.reason))
    assert status.reason.startswith("secret waits: no model of architect may see Restricted data")
    assert [one.phase for one in status.tasks] == [TaskPhase.WAITING]
    cleared = {"models": ("local",), "clearance": Privacy.RESTRICTED}
    members = tuple(
        member.model_copy(update=cleared) if member.name == "architect" else member
        for member in laptop.team.spec.members
    )
    await laptop.prepare(build_team(members=members))
    status = await laptop.until(ref, lambda status: "capability" in status.reason)
    assert "complexity 8 needs capability >= 8" in status.reason
    local = MODELS[0].model_copy(update={"spec": MODELS[0].spec.model_copy(update={"capability": 8})})
    await laptop.resources.apply(local)
    laptop.start_workers()
    assert (await laptop.ended(ref)).tasks[0].model == "local"


async def test_no_more_attempts_fly_than_the_engine_may_have_and_every_project_gets_its_turn(laptop: Laptop) -> None:
    await laptop.prepare()
    wide = [task(f"t{number}") for number in range(6)]
    refs = [await laptop.apply(build_project(name, *wide)) for name in ("one", "two", "three")]
    laptop.start_engine(max_in_flight=3)
    for ref in refs:
        status = await laptop.until(ref, lambda status: any(one.phase is TaskPhase.RUNNING for one in status.tasks))
        assert sum(one.phase is TaskPhase.RUNNING for one in status.tasks) == 1
    laptop.start_workers()
    assert {(await laptop.ended(ref)).phase for ref in refs} == {ProjectPhase.SUCCEEDED}


async def test_a_member_scaled_to_zero_gets_no_task(laptop: Laptop) -> None:
    await laptop.prepare()
    meta = ObjectMeta(name=agent_name("software", "developer"))
    await laptop.resources.apply(Agent(metadata=meta, spec=AgentSpec(team="software", member="developer", replicas=0)))
    laptop.start_engine()
    ref = await laptop.apply(build_project("word-count", task("a")))
    status = await laptop.until(ref, lambda status: any(one.phase is TaskPhase.RUNNING for one in status.tasks))
    assert [one.member for one in status.tasks] == ["writer"]


async def test_an_idle_engine_writes_nothing(laptop: Laptop) -> None:
    await laptop.prepare()
    laptop.start_engine(sweep_seconds=0.02)
    ref = await laptop.apply(build_project("word-count", task("a")))
    status = await laptop.until(ref, lambda status: any(one.phase is TaskPhase.RUNNING for one in status.tasks))
    before = await laptop.project(ref)
    await asyncio.sleep(0.3)  # fifteen sweeps, of which none has anything to say
    assert await laptop.project(ref) == before
    assert await laptop.journal.head(f"runs/{status.id}") == status.sequence


async def test_agents_are_credited_with_what_they_did(laptop: Laptop) -> None:
    await laptop.prepare()
    laptop.start_engine()
    spend = Spend(calls=1, input_tokens=10, output_tokens=5)
    laptop.start_workers(lambda *_: TaskResult(outcome=Outcome.SUCCEEDED, spend=spend))
    ledger = ActivityLedger(laptop.journal)
    assert await ledger.read("default") == {}
    ref = await laptop.apply(build_project("word-count", *CHAIN))
    await laptop.ended(ref)
    for _ in range(2):
        activity = await ledger.read("default")
        assert {name: (one.done, one.tokens) for name, one in activity.items()} == {"software-developer": (3, 45)}


async def test_the_first_record_says_everything_that_was_asked(laptop: Laptop) -> None:
    await laptop.prepare()
    laptop.start_engine()
    project: Project = build_project("word-count", *CHAIN, inputs={"language": "Python"})
    ref = await laptop.apply(project)
    status = await laptop.running(ref)
    started = (await laptop.events(status.id))[0]
    assert isinstance(started, RunStarted)
    assert (started.run, started.inputs, started.members) == (
        project.run_id,
        {"language": "Python"},
        ("architect", "developer", "writer"),
    )


@pytest.mark.parametrize("scaled", [False, True])
async def test_an_attempt_of_a_member_that_is_gone_is_given_to_another(laptop: Laptop, scaled: bool) -> None:
    await laptop.prepare(build_team(max_attempts=1))
    laptop.start_engine(sweep_seconds=0.05)
    ref = await laptop.apply(build_project("word-count", task("a")))
    before = await laptop.until(ref, lambda status: any(one.phase is TaskPhase.RUNNING for one in status.tasks))
    assert before.tasks[0].member == "developer"
    gone = MEMBERS[1].model_copy(update={"replicas": 0})
    left = (MEMBERS[0], gone, MEMBERS[2]) if scaled else (MEMBERS[0], MEMBERS[2])
    await laptop.broker.delete_queue(queue_name("default", "software", "developer"))
    await laptop.resources.apply(build_team(members=left, max_attempts=1))
    laptop.team = build_team(members=(MEMBERS[0], MEMBERS[2]))
    laptop.start_workers()
    status = await laptop.ended(ref)
    assert (status.phase, status.tasks[0].attempt) == (ProjectPhase.SUCCEEDED, 2)
    assert status.tasks[0].member == "writer"


async def test_a_run_that_cannot_be_read_keeps_no_other_from_starting(laptop: Laptop) -> None:
    await laptop.prepare()
    await laptop.journal.append("runs/default/old/abc", 0, [Record({"kind": "FromTheFuture"})])
    laptop.start_engine()
    laptop.start_workers()
    ref = await laptop.apply(build_project("word-count", task("a")))
    assert (await laptop.ended(ref)).phase is ProjectPhase.SUCCEEDED


async def test_a_resource_that_cannot_be_read_stops_no_engine(laptop: Laptop, monkeypatch: pytest.MonkeyPatch) -> None:
    await laptop.prepare()
    unreadable, asked = build_project("newer", task("a")).ref, asyncio.Event()
    get = laptop.resources.get

    async def read(ref: Ref) -> AnyResource | None:
        if ref == unreadable:
            asked.set()
            raise InvalidSpecError(f"{ref} as stored cannot be read")
        return await get(ref)

    monkeypatch.setattr(laptop.resources, "get", read)
    laptop.start_engine()
    laptop.start_workers()
    await laptop.resources.apply(build_project("newer", task("a")))
    await asyncio.wait_for(asked.wait(), 30)
    ref = await laptop.apply(build_project("word-count", task("a")))
    assert (await laptop.ended(ref)).phase is ProjectPhase.SUCCEEDED


async def test_a_doorbell_that_died_becomes_a_record_of_its_run_and_its_task_is_done(
    laptop: Laptop,
) -> None:
    await laptop.prepare()
    laptop.start_engine(sweep_seconds=0.05)
    ref = await laptop.apply(build_project("word-count", task("a")))
    queue = queue_name("default", "software", "developer")
    async with laptop.broker.consume(queue) as consumer:
        delivery = await consumer.receive(30)
        assert delivery is not None
        await delivery.nack(requeue=False)
    run = (await laptop.project(ref)).run_id

    async def it_is_recorded() -> bool:
        return any(isinstance(event, DoorbellDied) for event in await laptop.events(run))

    async def it_is_removed() -> bool:
        return await laptop.broker.dead_letters(queue) == ()

    await eventually(it_is_recorded)
    await eventually(it_is_removed)  # once it is recorded
    laptop.start_workers()
    assert (await laptop.ended(ref)).phase is ProjectPhase.SUCCEEDED
    died = [event for event in await laptop.events(run) if isinstance(event, DoorbellDied)]
    assert [(event.task, event.attempt, event.queue) for event in died] == [("a", 1, queue)]


async def test_where_no_run_is_and_nobody_works_the_engine_listens_no_longer(
    laptop: Laptop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listeners, "KEPT_SECONDS", 0.2)
    ears = {engine_queue("default"), dead_letter_queue(queue_name("default", "software", "developer"))}
    listening: set[str] = set()
    consume = laptop.broker.consume

    @asynccontextmanager
    async def listened(queue: str) -> AsyncIterator[Consumer]:
        async with consume(queue) as consumer:
            listening.add(queue)
            try:
                yield consumer
            finally:
                listening.discard(queue)

    monkeypatch.setattr(laptop.broker, "consume", listened)
    await laptop.prepare()
    laptop.start_engine(sweep_seconds=0.05)
    go_on = asyncio.Event()
    laptop.start_workers(held={"a": go_on})
    for name in ("first", "second"):
        go_on.clear()
        ref = await laptop.apply(build_project(name, task("a")))
        await eventually(lambda: asyncio.sleep(0, ears <= listening))
        go_on.set()
        assert (await laptop.ended(ref)).phase is ProjectPhase.SUCCEEDED
        await laptop.resources.delete(ref)
        await eventually(lambda: asyncio.sleep(0, not ears & listening))
