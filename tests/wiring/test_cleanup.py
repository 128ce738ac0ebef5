"""What a deleted team remembered: forgotten before its name is free, and not while it is somebody else's, too."""

from pathlib import Path

import pytest

from aios.embedded.journal import SqliteJournal
from aios.embedded.knowledge import QdrantKnowledge
from aios.errors import ServiceUnavailableError
from aios.ports.knowledge import Memory
from aios.spec.base import Kind, Ref
from aios.spec.vocabulary import Privacy
from aios.wiring.cleanup import letting_go
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
    let_go = letting_go(knowledge)
    assert await let_go(PROJECT)
    assert await _recalled(knowledge, TEAM) == [SECRET.text], "a project of that name is no team"
    for _ in range(2):
        assert await let_go(TEAM)
        assert await _recalled(knowledge, TEAM) == []
    assert await _recalled(knowledge, OTHER) == [SECRET.text]
    await knowledge.close()


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
        assert await letting_go(knowledge, one.names)(TEAM)
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
        await letting_go(Away(), one.names)(TEAM)
    assert await one.names.ours(TEAM)
    assert await letting_go(NoKnowledge(), one.names)(TEAM), "where no memory is configured there is none to forget"
    assert not await one.names.ours(TEAM)


async def test_a_damaged_memory_keeps_no_name_and_is_told(tmp_path: Path) -> None:
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / "meta.json").write_text("")
    knowledge, told = QdrantKnowledge(tmp_path), list[str]()
    assert await letting_go(knowledge, told=lambda gone, fate: told.append(f"{gone}: {fate}"))(TEAM)
    (said,) = told
    assert said.startswith(f"{TEAM}: what it remembered stays")
    assert "damaged" in said
    await knowledge.close()


async def test_a_project_is_let_go_as_before(tmp_path: Path) -> None:
    one = site(SqliteJournal(tmp_path / "journal.db"), tmp_path, "one")
    await one.names.declare_project(project())
    gone = project().ref
    assert await one.names.ours(gone)
    assert await letting_go(NoKnowledge(), one.names)(gone)
    assert not await one.names.ours(gone)
