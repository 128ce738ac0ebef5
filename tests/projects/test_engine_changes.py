"""What people change, ask for and delete while the engine drives runs, and while it does not."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from aios.errors import ServiceUnavailableError
from aios.naming import ANNOTATION_RETRY, attempt_stream
from aios.projects.steering import DELETED
from aios.spec.base import Ref
from aios.spec.vocabulary import ProjectPhase, TaskPhase
from aios.tasks.attempt_events import Claimed, Ended
from aios.tasks.result import Outcome, TaskResult
from aios.tasks.run_events import CancelRequested
from tests.projects.building import CHAIN, build_project, build_team, task
from tests.projects.laptop import Laptop, attempts_of
from tests.projects.simulation import answers


async def was_cancelled(laptop: Laptop, run: str) -> bool:
    return any(isinstance(event, CancelRequested) for event in await laptop.events(run))


async def test_unchanged_yaml_and_a_recreated_project_start_nothing(laptop: Laptop) -> None:
    await laptop.prepare()
    _, engine = laptop.start_engine()
    laptop.start_workers()
    project = build_project("word-count", *CHAIN)
    ref = await laptop.apply(project)
    first = await laptop.ended(ref)
    await laptop.resources.delete(ref)
    await laptop.apply(project)
    again = await laptop.ended(ref)
    assert again == first
    await laptop.stop(engine)
    laptop.start_engine("second")
    other = await laptop.apply(build_project("other", task("a")))
    await laptop.ended(other)
    assert await laptop.ended(ref) == first
    assert sorted(laptop.started) == [("a", 1), ("a", 1), ("b", 1), ("c", 1)]


async def test_a_project_deleted_midway_stops_and_goes_on_when_it_is_recreated(laptop: Laptop) -> None:
    await laptop.prepare()
    laptop.start_engine()
    go_on = asyncio.Event()
    laptop.start_workers(held={"a": go_on})
    project = build_project("word-count", *CHAIN)
    ref = await laptop.apply(project)
    run = (await laptop.until(ref, lambda status: any(one.phase is TaskPhase.RUNNING for one in status.tasks))).id
    await laptop.claimed(ref, "a")
    await laptop.resources.delete(ref)
    await laptop.eventually(lambda: was_cancelled(laptop, run))
    [cancelled] = [event for event in await laptop.events(run) if isinstance(event, CancelRequested)]
    assert cancelled.reason == DELETED
    go_on.set()
    await laptop.apply(project)
    status = await laptop.until(ref, lambda one: one.phase is ProjectPhase.SUCCEEDED)
    assert status.id == run


async def test_cancel_stops_what_is_in_flight_and_fences_its_worker(laptop: Laptop) -> None:
    await laptop.prepare()
    laptop.start_engine()
    laptop.start_workers(held={"a": asyncio.Event()})
    ref = await laptop.apply(build_project("word-count", *CHAIN))
    status = await laptop.until(ref, lambda status: any(one.phase is TaskPhase.RUNNING for one in status.tasks))
    stream = attempt_stream(status.id, "a", 1)
    await laptop.claimed(ref, "a")
    await laptop.change(ref, cancel=True)
    status = await laptop.ended(ref)
    assert status.phase is ProjectPhase.CANCELLED
    assert {one.phase for one in status.tasks} == {TaskPhase.CANCELLED}
    kinds = [stored.data["kind"] for stored in await laptop.journal.read(stream)]
    assert kinds == ["Claimed", "Ended"]


async def test_a_result_that_was_there_before_cancel_is_the_result(laptop: Laptop) -> None:
    await laptop.prepare()
    _, engine = laptop.start_engine()
    ref = await laptop.apply(build_project("word-count", *CHAIN))
    status = await laptop.until(ref, lambda status: any(one.phase is TaskPhase.RUNNING for one in status.tasks))
    await laptop.stop(engine)
    stream = attempt_stream(status.id, "a", 1)
    await laptop.append(stream, 0, Claimed(epoch=1, worker="w"))
    await laptop.append(stream, 1, Ended(result=TaskResult(outcome=Outcome.SUCCEEDED)))
    await laptop.change(ref, cancel=True)
    laptop.start_engine("second")
    status = await laptop.ended(ref)
    assert [one.phase for one in status.tasks] == [TaskPhase.SUCCEEDED, TaskPhase.CANCELLED, TaskPhase.CANCELLED]


async def test_suspended_it_pauses_and_resumed_it_ends(laptop: Laptop) -> None:
    await laptop.prepare()
    laptop.start_engine()
    ref = await laptop.apply(build_project("word-count", *CHAIN, suspend=True))
    await laptop.until(ref, lambda status: status.phase is ProjectPhase.PAUSED)
    laptop.start_workers()
    await laptop.change(ref, suspend=False)
    assert (await laptop.ended(ref)).phase is ProjectPhase.SUCCEEDED


async def test_retry_repeats_what_failed_once_for_each_token(laptop: Laptop) -> None:
    await laptop.prepare()
    laptop.start_engine()
    poisoned_once = answers(Outcome.POISONED, Outcome.SUCCEEDED)

    def answer(name: str, attempt: int) -> TaskResult:
        return poisoned_once(name, attempt) if name == "b" else TaskResult(outcome=Outcome.SUCCEEDED)

    laptop.start_workers(answer)
    ref = await laptop.apply(build_project("word-count", *CHAIN))
    assert (await laptop.ended(ref)).phase is ProjectPhase.FAILED
    await laptop.annotate(ref, ANNOTATION_RETRY, "token-1=b")
    status = await laptop.until(ref, lambda status: status.phase is ProjectPhase.SUCCEEDED)
    assert attempts_of([*await laptop.events(status.id)]) == [("a", 1), ("b", 1), ("b", 2), ("c", 1)]


async def test_a_change_during_a_run_starts_the_next_when_this_one_is_finished(laptop: Laptop) -> None:
    await laptop.prepare()
    laptop.start_engine()
    go_on = asyncio.Event()
    laptop.start_workers(held={"a": go_on})
    ref = await laptop.apply(build_project("word-count", *CHAIN))
    first = await laptop.running(ref)
    await laptop.change(ref, goal="Another goal.")
    go_on.set()
    second = await laptop.ended(ref)
    assert second.id != first.id
    assert attempts_of([*await laptop.events(first.id)]) == [("a", 1), ("b", 1), ("c", 1)]


async def test_a_change_during_a_run_cancels_it_when_the_project_says_so(laptop: Laptop) -> None:
    await laptop.prepare()
    laptop.start_engine()
    ref = await laptop.apply(build_project("word-count", *CHAIN))
    first = await laptop.running(ref)
    await laptop.change(ref, goal="Another goal.", on_change="Cancel")
    await laptop.until(ref, lambda status: status.id != first.id and status.phase is ProjectPhase.RUNNING)
    assert attempts_of([*await laptop.events(first.id)]) == [("a", 1)]


async def test_a_run_whose_project_went_while_no_engine_ran_is_cancelled(laptop: Laptop) -> None:
    await laptop.prepare()
    _, engine = laptop.start_engine()
    ref = await laptop.apply(build_project("word-count", *CHAIN))
    run = (await laptop.running(ref)).id
    await laptop.stop(engine)
    await laptop.resources.delete(ref)
    laptop.start_engine("second")
    await laptop.eventually(lambda: was_cancelled(laptop, run))


async def test_the_limits_of_the_team_reach_a_run_in_progress(laptop: Laptop) -> None:
    await laptop.prepare(build_team(maxInFlight=1))
    laptop.start_engine()
    ref = await laptop.apply(build_project("word-count", task("a"), task("b")))
    await laptop.running(ref)
    await laptop.prepare(build_team(maxInFlight=2))
    await laptop.until(ref, lambda status: [one.phase for one in status.tasks] == [TaskPhase.RUNNING] * 2)


async def test_what_was_deleted_while_nobody_watched_is_noticed(
    laptop: Laptop, monkeypatch: pytest.MonkeyPatch
) -> None:
    await laptop.prepare()
    changes, lost = laptop.resources.changes, asyncio.Event()

    async def watch() -> AsyncIterator[Ref]:
        if not lost.is_set():
            await lost.wait()
            raise ServiceUnavailableError("the watch was lost")
        async for ref in changes():
            yield ref

    ref = await laptop.apply(build_project("word-count", task("a")))
    run = (await laptop.project(ref)).run_id
    monkeypatch.setattr(laptop.resources, "changes", watch)
    laptop.start_engine(sweep_seconds=0.05)
    await laptop.running(ref)
    await laptop.resources.delete(ref)
    lost.set()
    await laptop.eventually(lambda: was_cancelled(laptop, run))
