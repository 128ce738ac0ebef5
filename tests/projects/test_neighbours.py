"""Other installations on the same journal: what is theirs, or theirs too, is not ended here."""

from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from aios.embedded.resources import SqliteResources
from aios.errors import InvalidSpecError
from aios.ports.resources import AnyResource
from aios.projects.desk import Desk, Neighbours
from aios.projects.world import World
from aios.spec.base import Kind, Ref
from aios.spec.project import Project
from aios.tasks.run_events import CancelRequested, Dispatched
from tests.contract.waiting import eventually
from tests.projects.building import build_project, task
from tests.projects.laptop import Laptop

SHARED = Ref(Kind.PROJECT, "default", "shared")


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
