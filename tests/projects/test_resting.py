"""Projects that have ended cost an engine next to nothing, and miss nothing that is asked of them later."""

import asyncio
import gc
from collections.abc import Callable, Sequence
from functools import partial

import pytest

from aios.naming import ANNOTATION_RETRY, run_stream
from aios.ports.journal import Stored
from aios.projects.drive import Drive
from aios.projects.resting import Resting, is_over, shows_end
from aios.projects.steering import DELETED
from aios.spec.base import Ref
from aios.spec.model import Model
from aios.spec.project import Project, RunStatus
from aios.spec.vocabulary import ProjectPhase
from aios.tasks.result import Outcome
from aios.tasks.run_events import RunEnded
from tests.contract.waiting import eventually
from tests.projects.building import MODELS, build_project, task
from tests.projects.laptop import Laptop, attempts_of
from tests.projects.simulation import answers

SOON = 0.05
"""Seconds between two sweeps."""


async def in_hand(laptop: Laptop) -> set[str]:
    """The runs that any engine keeps, as nothing but memory tells."""
    gc.collect()
    drives = [one for one in gc.get_objects() if type(one) is Drive]
    return {one.log.run for one in drives if any(part is laptop.journal for part in vars(one.log).values())}


async def statuses_kept(run: str) -> int:
    gc.collect()
    return sum(type(one) is RunStatus and one.id == run for one in gc.get_objects())


async def has_ended(laptop: Laptop, run: str) -> bool:
    return any(isinstance(event, RunEnded) for event in await laptop.events(run))


async def at_rest(laptop: Laptop) -> None:
    async def nothing_is_in_hand() -> bool:
        return not await in_hand(laptop)

    await eventually(nothing_is_in_hand)


async def finished(laptop: Laptop, *names: str, stop: bool = True) -> list[Ref]:
    """Projects that have ended and were put aside. `stop`: by an engine that runs no more."""
    await laptop.prepare()
    _, engine = laptop.start_engine("before", sweep_seconds=SOON)
    laptop.start_workers()
    refs = [await laptop.apply(build_project(name, task("a"))) for name in names]
    for ref in refs:
        await laptop.ended(ref)
    await at_rest(laptop)
    if stop:
        await laptop.stop(engine)
    return refs


class Asked:
    """Counts what is asked of a journal."""

    def __init__(self, laptop: Laptop, monkeypatch: pytest.MonkeyPatch) -> None:
        self.whole: list[str] = []
        self.listed = 0
        read, streams = laptop.journal.read, laptop.journal.streams

        async def reading(stream: str, after: int = 0, limit: int | None = None) -> Sequence[Stored]:
            if stream.startswith(run_stream("")) and after == 0:
                self.whole.append(stream)
            return await read(stream, after, limit)

        async def listing(prefix: str = "") -> Sequence[str]:
            self.listed += 1
            return await streams(prefix)

        monkeypatch.setattr(laptop.journal, "read", reading)
        monkeypatch.setattr(laptop.journal, "streams", listing)


async def test_a_run_is_let_go_of_once_its_project_shows_how_it_ended(laptop: Laptop) -> None:
    await laptop.prepare()
    laptop.start_engine(sweep_seconds=SOON)
    laptop.start_workers()
    ref = await laptop.apply(build_project("word-count", task("a")))
    await laptop.ended(ref)
    await at_rest(laptop)


async def test_a_run_is_not_let_go_of_before_its_end_is_written(
    laptop: Laptop, monkeypatch: pytest.MonkeyPatch
) -> None:
    await laptop.prepare()
    written = asyncio.Event()
    write = laptop.resources.write_run

    async def late(ref: Ref, run: RunStatus) -> bool:
        if run.phase.ended:
            await written.wait()
        return await write(ref, run)

    monkeypatch.setattr(laptop.resources, "write_run", late)
    laptop.start_engine(sweep_seconds=SOON)
    laptop.start_workers()
    ref = await laptop.apply(build_project("word-count", task("a")))
    run = (await laptop.project(ref)).run_id
    await laptop.eventually(partial(has_ended, laptop, run))
    await asyncio.sleep(5 * SOON)
    assert await in_hand(laptop) == {run}
    written.set()
    await at_rest(laptop)
    assert (await laptop.project(ref)).status.run.phase is ProjectPhase.SUCCEEDED


async def test_an_engine_that_starts_reads_no_run_that_is_over(laptop: Laptop, monkeypatch: pytest.MonkeyPatch) -> None:
    refs = await finished(laptop, "one", "two", "three")
    before = [await laptop.project(ref) for ref in refs]
    asked = Asked(laptop, monkeypatch)
    laptop.start_engine("after", sweep_seconds=SOON)
    other = await laptop.apply(build_project("other", task("a")))
    await laptop.ended(other)
    assert {stream.split("/")[2] for stream in asked.whole} == {"other"}
    assert [await laptop.project(ref) for ref in refs] == before


async def test_an_engine_that_starts_looks_at_many_projects_at_once(
    laptop: Laptop, monkeypatch: pytest.MonkeyPatch
) -> None:
    await finished(laptop, *(f"p{number}" for number in range(12)))
    streams, asked, many = laptop.journal.streams, 0, asyncio.Event()

    async def listing(prefix: str = "") -> Sequence[str]:
        """Nobody is told of a project before many are asked for."""
        nonlocal asked
        if prefix != run_stream(""):
            asked += 1
            if asked > 6:
                many.set()
            await many.wait()
        return await streams(prefix)

    monkeypatch.setattr(laptop.journal, "streams", listing)
    laptop.start_engine("after", sweep_seconds=SOON)
    await asyncio.wait_for(many.wait(), 30)
    await laptop.ended(await laptop.apply(build_project("other", task("a"))))


async def test_a_model_that_changes_makes_nobody_look_at_what_is_over(
    laptop: Laptop, monkeypatch: pytest.MonkeyPatch
) -> None:
    await finished(laptop, *(f"p{number}" for number in range(8)))
    laptop.start_engine("after", sweep_seconds=SOON)
    await laptop.ended(await laptop.apply(build_project("other", task("a"))))
    await at_rest(laptop)
    asked = Asked(laptop, monkeypatch)
    changed: Model = MODELS[0].model_copy(update={"spec": MODELS[0].spec.model_copy(update={"capability": 6})})
    await laptop.resources.apply(changed)
    assert (await laptop.ended(await laptop.apply(build_project("later", task("a"))))).phase is ProjectPhase.SUCCEEDED
    assert {stream.split("/")[2] for stream in asked.whole} == {"later"}
    assert asked.listed < 8  # for the later one alone: as it came, as it was accepted, as it ended


@pytest.mark.parametrize("running", [True, False], ids=["while an engine runs", "while none runs"])
@pytest.mark.parametrize(
    "damage",
    [
        lambda _: RunStatus(),
        lambda run: run.model_copy(update={"phase": ProjectPhase.RUNNING}),
        lambda run: run.model_copy(update={"sequence": 1}),
        lambda run: run.model_copy(update={"id": "default/word-count/0123"}),
    ],
    ids=["lost", "not ended", "older", "another run's"],
)
async def test_a_status_that_is_lost_or_edited_is_written_again(
    laptop: Laptop, running: bool, damage: Callable[[RunStatus], RunStatus]
) -> None:
    [ref] = await finished(laptop, "word-count", stop=not running)
    before = (await laptop.project(ref)).status.run
    await laptop.resources.write_run(ref, damage(before))
    if not running:
        laptop.start_engine("after", sweep_seconds=SOON)
    assert await laptop.until(ref, lambda status: status == before) == before
    await at_rest(laptop)


@pytest.mark.parametrize("running", [True, False], ids=["while an engine runs", "while none runs"])
async def test_a_retry_is_answered_once_by_whoever_had_put_the_project_aside(laptop: Laptop, running: bool) -> None:
    await laptop.prepare()
    _, engine = laptop.start_engine(sweep_seconds=SOON)
    once = answers(Outcome.POISONED, Outcome.SUCCEEDED)
    laptop.start_workers(once)
    ref = await laptop.apply(build_project("word-count", task("a")))
    assert (await laptop.ended(ref)).phase is ProjectPhase.FAILED
    await at_rest(laptop)
    if not running:
        await laptop.stop(engine)
    await laptop.annotate(ref, ANNOTATION_RETRY, "token-1")
    if not running:
        _, engine = laptop.start_engine("second", sweep_seconds=SOON)
    status = await laptop.until(ref, lambda status: status.phase is ProjectPhase.SUCCEEDED)
    await at_rest(laptop)
    await laptop.stop(engine)
    laptop.start_engine("third", sweep_seconds=SOON)
    await laptop.ended(await laptop.apply(build_project("other", task("b"))))
    await at_rest(laptop)
    assert attempts_of([*await laptop.events(status.id)]) == [("a", 1), ("a", 2)]


@pytest.mark.parametrize("running", [True, False], ids=["while an engine runs", "while none runs"])
async def test_another_spec_starts_another_run_of_a_project_that_was_put_aside(laptop: Laptop, running: bool) -> None:
    [ref] = await finished(laptop, "word-count", stop=not running)
    first = (await laptop.project(ref)).status.run
    await laptop.change(ref, goal="Another goal.")
    if not running:
        laptop.start_engine("after", sweep_seconds=SOON)
    second = await laptop.ended(ref)
    assert second.id != first.id
    await at_rest(laptop)


async def test_nothing_is_kept_of_a_project_that_was_deleted(laptop: Laptop) -> None:
    await laptop.prepare()
    laptop.start_engine(sweep_seconds=SOON)
    laptop.start_workers()
    ref = await laptop.apply(build_project("deleted", task("a")))
    run = (await laptop.ended(ref)).id
    await laptop.resources.delete(ref)

    async def nothing_is_kept() -> bool:
        return await statuses_kept(run) == 0

    await eventually(nothing_is_kept)


async def test_a_status_whose_journal_is_gone_is_not_believed(laptop: Laptop) -> None:
    [ref] = await finished(laptop, "word-count")
    run = (await laptop.project(ref)).status.run.id
    for stream in await laptop.journal.streams(""):
        await laptop.journal.delete(stream)
    laptop.start_engine("after", sweep_seconds=SOON)
    await laptop.eventually(partial(has_ended, laptop, run))
    await at_rest(laptop)
    assert attempts_of([*await laptop.events(run)]) == [("a", 1)]


@pytest.mark.parametrize(
    ("change", "over"),
    [
        (lambda project: project, True),
        (lambda project: _shown(project, reason=DELETED, phase=ProjectPhase.CANCELLED), False),
        (lambda project: _shown(project, phase=ProjectPhase.PAUSED), False),
        (lambda project: _shown(project, sequence=1), False),
        (lambda project: _shown(project, id="default/word-count/0123"), False),
        (lambda project: _annotated(project, ANNOTATION_RETRY, "answered-long-ago"), False),
        (lambda project: _annotated(project, "example.org/colour", "red"), True),
        (lambda project: _asking(project, goal="Another goal."), False),
        (lambda project: _asking(project, timeout="2h"), True),
    ],
    ids=["as it ended", "cut off by a deletion", "paused", "older", "another run", "retry", "note", "goal", "timeout"],
)
async def test_a_project_is_over_when_nothing_may_follow(
    laptop: Laptop, change: Callable[[Project], Project], over: bool
) -> None:
    [ref] = await finished(laptop, "word-count")
    assert await is_over(laptop.journal, change(await laptop.project(ref))) is over


def test_an_end_is_shown_by_its_record_or_by_a_later_one() -> None:
    def shown(sequence: int, phase: ProjectPhase, run: str = "r") -> bool:
        return shows_end(RunStatus(id=run, sequence=sequence, phase=phase), "r", 7)

    assert shown(7, ProjectPhase.FAILED)
    assert shown(8, ProjectPhase.RUNNING)  # somebody's retry
    assert not shown(7, ProjectPhase.RUNNING)
    assert not shown(6, ProjectPhase.FAILED)
    assert not shown(7, ProjectPhase.FAILED, run="another")


def test_what_is_wished_after_it_was_put_aside_stirs_it() -> None:
    ended = _shown(build_project("word-count", task("a")), id="r", sequence=7, phase=ProjectPhase.FAILED)
    seen = {ended.ref: ended}
    resting = Resting(seen.get)
    assert not resting.stirred(ended.ref)
    resting.put(ended, "r", 7)
    assert (ended.ref in resting, resting.stirred(ended.ref)) == (True, False)
    for wish in (
        _annotated(ended, ANNOTATION_RETRY, "token"),
        ended.model_copy(update={"metadata": ended.metadata.model_copy(update={"generation": 2})}),
        ended.model_copy(update={"metadata": ended.metadata.model_copy(update={"uid": "recreated"})}),
        _shown(ended, phase=ProjectPhase.PENDING),
    ):
        seen[ended.ref] = wish
        assert (ended.ref in resting, resting.stirred(ended.ref)) == (False, True)
    seen[ended.ref] = ended
    resting.drop(ended.ref)
    assert (ended.ref in resting, resting.stirred(ended.ref)) == (False, False)


def _shown(project: Project, **run: object) -> Project:
    shown = project.status.run.model_copy(update=run)
    return project.model_copy(update={"status": project.status.model_copy(update={"run": shown})})


def _annotated(project: Project, name: str, value: str) -> Project:
    meta = project.metadata.model_copy(update={"annotations": {name: value}})
    return project.model_copy(update={"metadata": meta})


def _asking(project: Project, **spec: object) -> Project:
    return project.model_copy(update={"spec": project.spec.model_copy(update=spec)})
