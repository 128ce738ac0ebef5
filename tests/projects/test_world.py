"""What the engine remembers of resources, and which changes it wakes up for."""

from pathlib import Path

from aios.embedded.resources import SqliteResources
from aios.projects.world import World, runnable
from aios.spec.project import Project, RunStatus
from aios.spec.vocabulary import ProjectPhase
from tests.projects.building import accepted, build_project, task


async def test_an_edit_is_seen_again_when_it_is_accepted_and_a_status_that_says_nothing_new_is_not(
    tmp_path: Path,
) -> None:
    """Ready is True all the while: the edit was seen before anybody had judged it."""
    resources, edited = SqliteResources(tmp_path / "resources.db"), build_project("word-count", task("a"), rerun="2")
    ref, world = edited.ref, World(resources, None)

    async def stored() -> Project:
        found = await resources.get(ref)
        assert isinstance(found, Project)
        return found

    for project in (build_project("word-count", task("a")), edited):
        await resources.apply(project)
        assert await world.update(ref)
        assert not runnable(await stored())
        await resources.write_status(ref, accepted(await stored()))
        assert await world.update(ref)
        assert runnable(await stored())
    await resources.write_run(ref, RunStatus(phase=ProjectPhase.RUNNING))
    assert not await world.update(ref)
    await resources.close()
