"""Other installations on the same journal: what is theirs, or theirs too, is not ended here, and goes on somewhere."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import pytest

from aios.embedded.resources import SqliteResources
from aios.errors import InvalidSpecError
from aios.naming import run_stream
from aios.ports.resources import AnyResource
from aios.projects.desk import Desk, Neighbours
from aios.projects.engine import Engine
from aios.projects.world import World
from aios.spec.base import Kind, Ref
from aios.spec.project import Project
from aios.spec.vocabulary import ProjectPhase
from aios.tasks.run_events import CancelRequested, Dispatched, EngineStarted
from tests.contract.waiting import eventually
from tests.projects.building import CHAIN, MODELS, accepted, build_project, build_team, task
from tests.projects.laptop import Laptop

SHARED = Ref(Kind.PROJECT, "default", "shared")
HANDS_OFF = 0.4
LETS_GO = "another engine has the run"


@dataclass(frozen=True)
class Declared:
    """Who declares SHARED."""

    here: bool
    there: bool

    async def ours(self, _: Ref) -> bool:
        return self.here

    async def elsewhere(self, ref: Ref) -> bool:
        return self.there and ref == SHARED


@pytest.fixture(autouse=True)
async def prepared(laptop: Laptop) -> None:
    await laptop.prepare()


async def dispatched(laptop: Laptop, name: str) -> str:
    """The run of a new project, once it is under way."""
    run = (await laptop.project(await laptop.apply(build_project(name, task("a"))))).run_id

    async def it_is() -> bool:
        return any(isinstance(event, Dispatched) for event in await laptop.events(run))

    await eventually(it_is)
    return run


@pytest.mark.parametrize("there", [True, False], ids=["declared elsewhere, too", "nobody else's"])
async def test_a_project_deleted_here_is_cancelled_unless_others_declare_it(laptop: Laptop, there: bool) -> None:
    laptop.start_engine(neighbours=Declared(here=False, there=there))
    run = await dispatched(laptop, "shared")
    await laptop.resources.delete(SHARED)
    await dispatched(laptop, "later")  # the engine has seen what came before

    async def is_cancelled() -> bool:
        return any(isinstance(event, CancelRequested) for event in await laptop.events(run))

    if there:
        assert not await is_cancelled()
    else:
        await eventually(is_cancelled)


@pytest.mark.parametrize(
    ("neighbours", "adopted"),
    [
        (None, True),
        (Declared(here=True, there=False), True),
        (Declared(here=True, there=True), False),
        (Declared(here=False, there=False), False),
    ],
    ids=["no neighbours", "ours alone", "theirs, too", "somebody's"],
)
async def test_a_run_without_a_project_here_is_adopted_only_if_it_can_be_nobody_elses(
    laptop: Laptop, tmp_path: Path, neighbours: Neighbours | None, adopted: bool
) -> None:
    laptop.start_engine()
    await dispatched(laptop, "shared")
    (tmp_path / "other").mkdir()
    empty = SqliteResources(tmp_path / "other" / "resources.db")
    desk = Desk(replace(laptop.ports, resources=empty), World(empty, None), "another", neighbours=neighbours)
    await desk.adopt_orphans(None)
    assert (SHARED in desk.drives) is adopted
    await empty.close()


@pytest.mark.parametrize("found", [build_project("shared"), InvalidSpecError("a field of a newer version")])
async def test_a_run_whose_project_is_stored_is_no_orphan_though_no_listing_shows_it(
    laptop: Laptop, tmp_path: Path, found: Project | InvalidSpecError
) -> None:
    """What a version cannot read it leaves out of its listings, and must not end."""
    laptop.start_engine()
    await dispatched(laptop, "shared")

    class Stored(SqliteResources):
        async def get(self, ref: Ref) -> AnyResource | None:
            if isinstance(found, InvalidSpecError):
                raise found
            return found

    (tmp_path / "other").mkdir()
    stored = Stored(tmp_path / "other" / "resources.db")
    desk = Desk(replace(laptop.ports, resources=stored), World(stored, None), "another", neighbours=None)
    await desk.adopt_orphans(None)
    assert SHARED not in desk.drives
    await stored.close()


@dataclass(frozen=True)
class Two:
    """Our laptop and another on the same services: theirs began SHARED, ours has it now and lets theirs know with the
    next result. Ours has a project of its own besides, which is suspended."""

    laptop: Laptop
    theirs: SqliteResources
    run: str

    async def is_driven_by(self, name: str) -> bool:
        drivers = [event.engine for event in await self.laptop.events(self.run) if isinstance(event, EngineStarted)]
        return drivers[-1:] == [name]

    async def is_shown_as_done_there(self) -> bool:
        stored = await self.theirs.get(SHARED)
        assert isinstance(stored, Project)
        return stored.status.run.phase is ProjectPhase.SUCCEEDED


@pytest.fixture
async def two(laptop: Laptop, tmp_path: Path) -> AsyncIterator[Two]:
    (tmp_path / "other").mkdir()
    theirs, shared = SqliteResources(tmp_path / "other" / "resources.db"), build_project("shared", *CHAIN)
    for resource in (*MODELS, build_team(), shared):
        await theirs.apply(resource)
    stored = await theirs.get(SHARED)
    assert isinstance(stored, Project)
    await theirs.write_status(SHARED, accepted(stored))
    for project in (shared, build_project("own", task("z"), suspend=True)):
        await laptop.apply(project)
    made, tasks = Two(laptop, theirs, stored.run_id), []
    for name, resources in (("theirs", theirs), ("ours", laptop.resources)):
        ports, neighbours = replace(laptop.ports, resources=resources), Declared(here=True, there=True)
        engine = Engine(ports, name=name, sweep_seconds=0.05, hands_off_seconds=HANDS_OFF, neighbours=neighbours)
        tasks.append(asyncio.create_task(engine.run()))
        await eventually(partial(made.is_driven_by, name))
    yield made
    await laptop.stop(*tasks)
    await theirs.close()


async def test_a_shared_project_that_is_deleted_where_it_is_driven_goes_on_where_it_is_not(
    two: Two, caplog: pytest.LogCaptureFixture
) -> None:
    """Though who drove it drives on what else there is in that namespace."""
    go_on = asyncio.Event()
    two.laptop.start_workers(held={"b": go_on})
    await eventually(lambda: asyncio.sleep(0, LETS_GO in caplog.text))
    await two.laptop.resources.delete(SHARED)
    await eventually(partial(two.is_driven_by, "theirs"))
    go_on.set()
    await eventually(two.is_shown_as_done_there)
    assert await two.is_driven_by("theirs")


async def test_a_shared_project_that_ends_here_is_shown_as_ended_there(
    two: Two, caplog: pytest.LogCaptureFixture
) -> None:
    go_on = asyncio.Event()
    two.laptop.start_workers(held={"b": go_on})
    await eventually(lambda: asyncio.sleep(0, LETS_GO in caplog.text))
    await asyncio.sleep(2 * HANDS_OFF)  # theirs asks meanwhile whether ours has left it
    go_on.set()
    assert (await two.laptop.ended(SHARED)).phase is ProjectPhase.SUCCEEDED
    await eventually(two.is_shown_as_done_there)
    last = await two.laptop.journal.read(run_stream(two.run))
    assert (await two.laptop.project(SHARED)).status.run.sequence == len(last), "who only looks appends nothing"
