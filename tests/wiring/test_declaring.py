"""Two installations over one journal: what each calls its own, and what happens to it when it is deleted."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from aios.embedded.journal import SqliteJournal
from aios.embedded.resources import SqliteResources
from aios.errors import HeldElsewhereError, ServiceUnavailableError
from aios.naming import ANNOTATION_TAKE_OVER, run_stream
from aios.ports.journal import Record
from aios.projects.holders import Holders, Installation
from aios.spec.base import Kind
from aios.spec.project import Project
from aios.wiring.declaring import Names
from tests.desired.building import project, ref, team

PROJECT, TEAM = ref(Kind.PROJECT, "word-count"), ref(Kind.TEAM, "software")


@dataclass
class Site:
    """An installation with resources of its own."""

    names: Names
    resources: SqliteResources
    journal: SqliteJournal


def site(journal: SqliteJournal, folder: Path, name: str) -> Site:
    holders = Holders(journal, Installation.of_cluster(name))

    async def known() -> Holders:
        return holders

    (folder / name).mkdir()
    resources = SqliteResources(folder / name / "resources.db")
    return Site(Names(known, journal, resources), resources, journal)


@pytest.fixture
def sites(tmp_path: Path) -> tuple[Site, Site]:
    journal = SqliteJournal(tmp_path / "journal.db")
    return site(journal, tmp_path, "one"), site(journal, tmp_path, "two")


def marked(plain: Project, *, uid: str = "", taking_over: str = "") -> Project:
    annotations = {ANNOTATION_TAKE_OVER: taking_over} if taking_over else {}
    return plain.model_copy(
        update={"metadata": plain.metadata.model_copy(update={"annotations": annotations, "uid": uid})}
    )


async def test_a_project_is_declared_once_for_each_thing_it_says(sites: tuple[Site, Site]) -> None:
    one, _ = sites
    for said in (project(), project(), project(goal="Something else.")):
        await one.names.declare_project(said)
    assert [await one.journal.head(stream) for stream in await one.journal.streams("declared/")] == [2]


async def test_a_project_that_was_made_again_is_declared_again(sites: tuple[Site, Site]) -> None:
    one, _ = sites
    await one.names.declare_project(marked(project(), uid="first"))
    assert await one.names.let_go(PROJECT)
    assert not await one.names.ours(PROJECT)
    await one.names.declare_project(marked(project(), uid="second"))
    assert await one.names.ours(PROJECT)


async def test_the_second_cluster_is_told_how_to_take_over_and_may(sites: tuple[Site, Site]) -> None:
    one, two = sites
    await one.names.declare_project(project())
    other = project(goal="Something else.")
    with pytest.raises(HeldElsewhereError, match=f"Kubernetes cluster one.*{ANNOTATION_TAKE_OVER}=NEW-VALUE"):
        await two.names.declare_project(other)
    await two.names.declare_project(marked(other, taking_over="monday"))
    assert not await one.names.ours(PROJECT)


async def test_what_is_there_again_is_not_let_go(sites: tuple[Site, Site]) -> None:
    one, _ = sites
    await one.names.declare((team(),), {})
    await one.resources.apply(team())
    assert await one.names.let_go(TEAM)
    assert await one.names.ours(TEAM)


async def test_a_name_is_kept_while_a_run_goes_on_behind_it_unless_others_have_it_too(
    sites: tuple[Site, Site],
) -> None:
    one, two = sites
    await one.names.declare((project(),), {})
    stream = run_stream(project().run_id)
    await one.journal.append(stream, 0, [Record({"kind": "EngineStarted", "engine": "one"})])
    assert not await one.names.let_go(PROJECT)
    await two.names.declare((project(),), {})
    assert await one.names.let_go(PROJECT)
    assert not await one.names.ours(PROJECT)


async def test_nobody_gets_a_name_while_what_stood_behind_it_is_removed(sites: tuple[Site, Site]) -> None:
    one, two = sites
    await one.names.declare((project(),), {})
    assert await one.names.begin_removal(PROJECT) == ()
    with pytest.raises(ServiceUnavailableError):
        await two.names.declare((project(),), {})
    await one.names.release(PROJECT)
    await two.names.declare((project(),), {})
