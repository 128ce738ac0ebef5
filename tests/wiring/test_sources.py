"""Applying YAML: what disappears from a source goes, what people did stays, and unchanged YAML changes nothing."""

from collections.abc import AsyncIterator
from io import StringIO
from pathlib import Path

import pytest

from aios.embedded.resources import SqliteResources
from aios.naming import ANNOTATION_RETRY
from aios.spec.base import Kind, Ref
from aios.spec.loading import load
from aios.spec.project import Project
from aios.wiring.sources import SourcePlan, apply_sources, plan_sources, stored

MODEL = """
apiVersion: aios.dev/v1alpha1
kind: Model
metadata: {name: m}
spec: {provider: Scripted, script: [{reply: hi}]}
"""
TEAM = """
apiVersion: aios.dev/v1alpha1
kind: AgentTeam
metadata: {name: t}
spec:
  strategy: Sequential
  members: [{name: dev, tier: Execution, replicas: 2, models: [m], prompt: Work.}]
"""
PROJECT = """
apiVersion: aios.dev/v1alpha1
kind: Project
metadata: {name: p}
spec: {team: t, goal: Something.}
"""
REF = Ref(Kind.PROJECT, "default", "p")


@pytest.fixture
async def resources(tmp_path: Path) -> AsyncIterator[SqliteResources]:
    made = SqliteResources(tmp_path / "resources.db")
    yield made
    await made.close()


async def plan(resources: SqliteResources, *texts: str, source: str = "/here") -> SourcePlan:
    loaded = load(["-"], stdin=StringIO("---".join(texts)), cwd=Path.cwd())
    origins = {resource.ref: source for resource in loaded.require().resources}
    return plan_sources(loaded.catalogue, await stored(resources), origins, [source])


async def apply(resources: SqliteResources, *texts: str, source: str = "/here") -> SourcePlan:
    made = await plan(resources, *texts, source=source)
    await apply_sources(resources, made)
    return made


async def project(resources: SqliteResources) -> Project:
    found = await resources.get(REF)
    assert isinstance(found, Project)
    return found


async def test_the_first_plan_tells_of_agents_and_workers_and_the_second_of_nothing(resources: SqliteResources) -> None:
    first = await apply(resources, MODEL, TEAM, PROJECT)
    assert first.changes.summary() == "+ 1 model  + 1 team  + 1 agent (2 workers)  + 1 project"
    assert [resource.kind for resource in first.apply] == ["Model", "AgentTeam", "Project"]
    second = await plan(resources, MODEL, TEAM, PROJECT)
    assert (second.apply, second.prune) == ((), ())


async def test_what_disappeared_from_the_same_source_is_deleted(resources: SqliteResources) -> None:
    await apply(resources, MODEL, TEAM, PROJECT)
    made = await apply(resources, MODEL, TEAM)
    assert made.prune == (REF,)
    assert await resources.get(REF) is None


async def test_other_sources_and_what_no_file_states_are_left_alone(resources: SqliteResources) -> None:
    await apply(resources, MODEL, TEAM, PROJECT)
    await resources.apply(Project.model_validate({"metadata": {"name": "typed"}, "spec": {"team": "t", "goal": "x"}}))
    other = await apply(resources, MODEL.replace("name: m", "name: other"), source="/there")
    assert other.prune == ()
    again = await apply(resources, MODEL, TEAM, PROJECT)
    assert again.prune == ()
    assert len(await resources.list(Kind.PROJECT)) == 2


async def test_unchanged_yaml_does_not_undo_a_cancel_and_changed_yaml_keeps_a_retry(resources: SqliteResources) -> None:
    await apply(resources, MODEL, TEAM, PROJECT)
    found = await project(resources)
    annotations = {**found.metadata.annotations, ANNOTATION_RETRY: "token"}
    metadata = found.metadata.model_copy(update={"annotations": annotations})
    spec = found.spec.model_copy(update={"cancel": True})
    await resources.apply(found.model_copy(update={"metadata": metadata, "spec": spec}))

    await apply(resources, MODEL, TEAM, PROJECT)
    assert (await project(resources)).spec.cancel is True

    await apply(resources, MODEL, TEAM, PROJECT.replace("Something.", "Something else."))
    changed = await project(resources)
    assert (changed.spec.goal, changed.spec.cancel) == ("Something else.", False)
    assert changed.metadata.annotations[ANNOTATION_RETRY] == "token"


async def test_an_edited_field_is_told_with_before_and_after(resources: SqliteResources) -> None:
    await apply(resources, MODEL, TEAM, PROJECT)
    made = await plan(resources, MODEL, TEAM, PROJECT.replace("goal: Something.", "goal: More."))
    (change,) = [one for one in made.changes.changes if one.kind == Kind.PROJECT]
    assert [(field.path, field.before, field.after) for field in change.fields] == [
        ("spec.goal", "Something.", "More.")
    ]
