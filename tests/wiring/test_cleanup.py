"""What a deleted team remembered: forgotten before its name is free, and not while it is somebody else's, too."""

import asyncio
from pathlib import Path

import pytest

from aios.embedded.journal import SqliteJournal
from aios.embedded.knowledge import QdrantKnowledge
from aios.errors import ServiceUnavailableError
from aios.ports.knowledge import Knowledge, Memory
from aios.spec.base import Kind, Ref
from aios.spec.vocabulary import Privacy
from aios.wiring.cleanup import LetGo, letting_go, remembered_alone, remembered_nowhere_else
from aios.wiring.unconfigured import NoKnowledge
from tests.desired.building import project, ref, team
from tests.wiring.test_declaring import Site, site

PROJECT, TEAM, OTHER = ref(Kind.PROJECT, "software"), ref(Kind.TEAM, "software"), ref(Kind.TEAM, "design")
SECRET = Memory("the port is 8080", Privacy.RESTRICTED, "run/task/member")


async def _recalled(knowledge: QdrantKnowledge, by: Ref) -> list[str]:
    found = await knowledge.search(by.namespace, by.name, Privacy.RESTRICTED, "which port")
    return [one.memory.text for one in found]


async def test_a_later_team_of_the_same_name_recalls_nothing_of_a_deleted_one(tmp_path: Path) -> None:
    knowledge = QdrantKnowledge(tmp_path)
    for one in (TEAM, OTHER):
        await knowledge.remember(one.namespace, one.name, SECRET)
    let_go = letting_go(knowledge, None, may_forget=remembered_alone(None, alone=True))
    assert await let_go(PROJECT)
    assert await _recalled(knowledge, TEAM) == [SECRET.text], "a project of that name is no team"
    for _ in range(2):
        assert await let_go(TEAM)
        assert await _recalled(knowledge, TEAM) == []
    assert await _recalled(knowledge, OTHER) == [SECRET.text]
    await knowledge.close()


def _laptops(knowledge: Knowledge, one: Site) -> LetGo:
    return letting_go(knowledge, one.names, may_forget=remembered_alone(one.names, alone=False))


async def _declared(one: Site) -> None:
    await one.names.declare([team()], {})
    await one.resources.apply(team())


async def test_what_a_team_remembers_stays_while_another_installation_declares_it(tmp_path: Path) -> None:
    journal, knowledge = SqliteJournal(tmp_path / "journal.db"), QdrantKnowledge(tmp_path / "knowledge")
    sites = [site(journal, tmp_path, name) for name in ("one", "two")]
    for one in sites:
        await _declared(one)
    await knowledge.remember(TEAM.namespace, TEAM.name, SECRET)
    for one, left in zip(sites, ([SECRET.text], []), strict=True):
        await one.resources.delete(TEAM)
        assert await _laptops(knowledge, one)(TEAM)
        assert await _recalled(knowledge, TEAM) == left
        assert not await one.names.ours(TEAM)
    await knowledge.close()


async def test_the_name_is_kept_while_nobody_can_be_asked_to_forget(tmp_path: Path) -> None:
    class Away(NoKnowledge):
        async def forget(self, namespace: str, team: str) -> None:
            raise ServiceUnavailableError(f"Qdrant does not answer for {namespace}/{team}")

    one = site(SqliteJournal(tmp_path / "journal.db"), tmp_path, "one")
    await _declared(one)
    await one.resources.delete(TEAM)
    with pytest.raises(ServiceUnavailableError, match="default/software"):
        await _laptops(Away(), one)(TEAM)
    assert await one.names.ours(TEAM)
    assert await _laptops(NoKnowledge(), one)(TEAM), "where no memory is configured there is none to forget"
    assert not await one.names.ours(TEAM)


async def test_a_damaged_memory_keeps_no_name_and_is_told(tmp_path: Path) -> None:
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / "meta.json").write_text("")
    knowledge, told = QdrantKnowledge(tmp_path), list[str]()
    may_forget = remembered_alone(None, alone=True)
    hear = lambda gone, fate: told.append(f"{gone}: {fate}")  # noqa: E731
    assert await letting_go(knowledge, None, may_forget=may_forget, told=hear)(TEAM)
    (said,) = told
    assert said.startswith(f"{TEAM}: what it remembered stays")
    assert "damaged" in said
    await knowledge.close()


async def test_a_project_is_let_go_as_before(tmp_path: Path) -> None:
    one = site(SqliteJournal(tmp_path / "journal.db"), tmp_path, "one")
    await one.names.declare_project(project())
    gone = project().ref
    assert await one.names.ours(gone)
    assert await _laptops(NoKnowledge(), one)(gone)
    assert not await one.names.ours(gone)


async def test_a_memory_that_others_may_use_is_left_alone_where_nobody_says_whose_a_team_is(tmp_path: Path) -> None:
    knowledge = QdrantKnowledge(tmp_path)
    await knowledge.remember(TEAM.namespace, TEAM.name, SECRET)
    assert await letting_go(knowledge, None, may_forget=remembered_alone(None, alone=False))(TEAM)
    assert await _recalled(knowledge, TEAM) == [SECRET.text]
    await knowledge.close()


async def test_what_was_let_go_before_is_not_forgotten_again(tmp_path: Path) -> None:
    """By then it may be what a cluster's team of that name remembers."""
    one, knowledge = site(SqliteJournal(tmp_path / "journal.db"), tmp_path, "one"), QdrantKnowledge(tmp_path / "all")
    await _declared(one)
    await one.resources.delete(TEAM)
    let_go = _laptops(knowledge, one)
    assert await let_go(TEAM)
    await knowledge.remember(TEAM.namespace, TEAM.name, SECRET)
    assert await let_go(TEAM)
    assert await _recalled(knowledge, TEAM) == [SECRET.text]
    await knowledge.close()


async def test_a_cluster_forgets_what_no_laptop_declares(tmp_path: Path) -> None:
    one, knowledge = site(SqliteJournal(tmp_path / "journal.db"), tmp_path, "one"), QdrantKnowledge(tmp_path / "all")
    await _declared(one)
    other = site(SqliteJournal(tmp_path / "journal.db"), tmp_path, "other")
    let_go = letting_go(knowledge, other.names, may_forget=remembered_nowhere_else(other.names))
    for gone, left in ((TEAM, [SECRET.text]), (OTHER, [])):
        await knowledge.remember(gone.namespace, gone.name, SECRET)
        assert await let_go(gone)
        assert await _recalled(knowledge, gone) == left
    await knowledge.close()


async def test_while_one_is_being_forgotten_others_ask_again(tmp_path: Path) -> None:
    entered, thawed = asyncio.Event(), asyncio.Event()

    class Frozen(NoKnowledge):
        async def forget(self, namespace: str, team: str) -> None:
            entered.set()
            await thawed.wait()

    let_go = letting_go(Frozen(), None, may_forget=remembered_alone(None, alone=True))
    first = asyncio.ensure_future(let_go(TEAM))
    await entered.wait()
    assert not await let_go(OTHER)
    thawed.set()
    assert await first
    assert await let_go(OTHER)
