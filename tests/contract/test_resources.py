"""Resources: what an API server does with our kinds, wherever they live."""

import asyncio
import base64
from pathlib import Path

import pytest

from aios.errors import NotFoundError
from aios.naming import API_VERSION, FIELD_MANAGER
from aios.spec.agent import Agent, AgentSpec, AgentStatus
from aios.spec.base import ConfigMap, Kind, ObjectMeta, OwnerReference, Ref, Resource, Secret
from aios.spec.project import Project, ProjectSpec, ProjectStatus, RunStatus
from aios.spec.team import AgentTeam, Member, TeamSpec, TeamStatus
from aios.spec.vocabulary import AgentPhase, ProjectPhase, Tier
from tests.contract.implementations import Implementation, ResourcesClient
from tests.contract.processes import actors
from tests.contract.waiting import eventually

MEMBER = Member(name="coder", tier=Tier.STRATEGIC, models=("local",), prompt="You code.")


def _team(name: str = "red", namespace: str = "default", **metadata: object) -> AgentTeam:
    meta = ObjectMeta.model_validate({"name": name, "namespace": namespace, **metadata})
    return AgentTeam(metadata=meta, spec=TeamSpec(members=(MEMBER,)))


def _agent(owner: Resource | None = None, replicas: int = 1, name: str = "red-coder") -> Agent:
    owners: tuple[OwnerReference, ...] = ()
    if owner is not None:
        meta = owner.metadata
        owners = (OwnerReference(api_version=API_VERSION, kind=owner.kind, name=meta.name, uid=meta.uid),)
    metadata = ObjectMeta(name=name, owner_references=owners)
    return Agent(metadata=metadata, spec=AgentSpec(team="red", member="coder", replicas=replicas))


def _project(goal: str = "Do it.", **metadata: object) -> Project:
    meta = ObjectMeta.model_validate({"name": "job", **metadata})
    return Project(metadata=meta, spec=ProjectSpec(team="red", goal=goal))


async def _got(resources: ResourcesClient, ref: Ref) -> Resource:
    found = await resources.get(ref)
    assert found is not None
    return found


async def _agent_of(resources: ResourcesClient, ref: Ref) -> Agent:
    found = await resources.get(ref)
    assert isinstance(found, Agent)
    return found


async def test_applied_resource_is_read_back_with_an_identity(resources: ResourcesClient) -> None:
    team = _team(labels={"a": "b"}, annotations={"c": "d"})
    await resources.apply(team)
    found = await resources.get(team.ref)
    assert isinstance(found, AgentTeam)
    assert found.spec == team.spec
    assert (found.metadata.labels, found.metadata.annotations) == ({"a": "b"}, {"c": "d"})
    assert found.metadata.uid
    assert found.metadata.generation == 1
    assert found.metadata.resource_version
    assert found.metadata.creation_timestamp is not None
    assert await resources.get(Ref(Kind.TEAM, "default", "none")) is None
    assert await resources.get(Ref(Kind.TEAM, "other", "red")) is None


async def test_applying_what_is_there_writes_nothing(resources: ResourcesClient) -> None:
    for resource in (
        _team(labels={"a": "b"}),
        _agent(replicas=3),
        _project(),
        ConfigMap(metadata=ObjectMeta(name="c")),
    ):
        await resources.apply(resource)
        before = await _got(resources, resource.ref)
        await resources.apply(resource)
        await resources.apply(before)
        assert await _got(resources, resource.ref) == before


async def test_generation_counts_changes_of_spec_alone(resources: ResourcesClient) -> None:
    await resources.apply(_project())
    await resources.apply(_project(labels={"a": "b"}))
    labelled = await _got(resources, _project().ref)
    await resources.apply(_project("Do more.", labels={"a": "b"}))
    changed = await _got(resources, _project().ref)
    await resources.write_status(changed.ref, ProjectStatus(done="1/2"))
    after = await _got(resources, _project().ref)
    assert [one.metadata.generation for one in (labelled, changed, after)] == [1, 2, 2]
    assert len({one.metadata.resource_version for one in (labelled, changed, after)}) == 3
    assert len({one.metadata.uid for one in (labelled, changed, after)}) == 1


async def test_apply_never_touches_the_status(resources: ResourcesClient) -> None:
    await resources.apply(_project().model_copy(update={"status": ProjectStatus(done="9/9")}))
    found = await _got(resources, _project().ref)
    assert isinstance(found, Project)
    assert found.status == ProjectStatus()
    await resources.write_status(found.ref, ProjectStatus(done="1/2"))
    await resources.apply(_project("Do more."))
    found = await _got(resources, _project().ref)
    assert isinstance(found, Project)
    assert found.status.done == "1/2"


async def test_status_and_run_have_a_writer_each(resources: ResourcesClient) -> None:
    ref = _project().ref
    await resources.apply(_project())
    run = RunStatus(id="default/job/abc", phase=ProjectPhase.RUNNING, sequence=7)
    assert await resources.write_run(ref, run)
    assert await resources.write_status(ref, ProjectStatus(done="1/2", run=RunStatus(id="stale")))
    found = await resources.get(ref)
    assert isinstance(found, Project)
    assert (found.status.run, found.status.done) == (run, "1/2")
    assert await resources.write_run(ref, run)
    assert await resources.write_status(ref, ProjectStatus(done="1/2"))
    assert await resources.get(ref) == found, "what is equal is not written"


async def test_status_of_what_is_gone_is_not_written(resources: ResourcesClient) -> None:
    ref = Ref(Kind.PROJECT, "default", "none")
    assert not await resources.write_status(ref, ProjectStatus())
    assert not await resources.write_run(ref, RunStatus())
    assert await resources.get(ref) is None


async def test_list_is_sorted_and_of_one_kind(resources: ResourcesClient) -> None:
    for namespace, name in (("b", "x"), ("a", "y"), ("a", "x")):
        await resources.apply(_team(name, namespace))
    await resources.apply(_agent())
    assert [(one.metadata.namespace, one.metadata.name) for one in await resources.list(Kind.TEAM)] == [
        ("a", "x"),
        ("a", "y"),
        ("b", "x"),
    ]
    assert [one.metadata.name for one in await resources.list(Kind.TEAM, "b")] == ["x"]
    assert list(await resources.list(Kind.MODEL)) == []


async def test_object_with_finalizer_is_only_marked_until_it_is_released(resources: ResourcesClient) -> None:
    ref = _project().ref
    await resources.apply(_project())
    await resources.add_finalizer(ref, "aios.dev/cleanup")
    await resources.add_finalizer(ref, "aios.dev/cleanup")
    await resources.apply(_project("Do more."))
    assert (await _got(resources, ref)).metadata.finalizers == ("aios.dev/cleanup",), "applying does not let go"
    for _ in range(2):
        await resources.delete(ref)
    marked = await _got(resources, ref)
    assert marked.metadata.deletion_timestamp is not None
    await resources.add_finalizer(ref, "aios.dev/late")
    assert await _got(resources, ref) == marked, "what is being deleted takes no further finalizer"
    await resources.remove_finalizer(ref, "aios.dev/other")
    assert await resources.get(ref) is not None
    await resources.remove_finalizer(ref, "aios.dev/cleanup")
    assert await resources.get(ref) is None
    await resources.remove_finalizer(ref, "aios.dev/cleanup")
    await resources.delete(ref)


async def test_deleting_an_owner_deletes_what_it_owns(resources: ResourcesClient) -> None:
    await resources.apply(_team())
    team = await _got(resources, _team().ref)
    await resources.apply(_agent(team))
    agent = await _agent_of(resources, _agent().ref)
    await resources.apply(_agent(agent, name="grandchild"))
    await resources.apply(_agent(name="nobodys"))
    await resources.delete(team.ref)

    async def one_is_left() -> bool:
        return len(await resources.list(Kind.AGENT)) == 1

    await eventually(one_is_left)
    assert [one.metadata.name for one in await resources.list(Kind.AGENT)] == ["nobodys"]


async def test_child_of_an_owner_that_is_gone_does_not_stay(resources: ResourcesClient) -> None:
    await resources.apply(_team())
    team = await _got(resources, _team().ref)
    await resources.delete(team.ref)
    await resources.apply(_team())
    await resources.apply(_agent(team))

    async def it_is_gone() -> bool:
        return await resources.get(_agent().ref) is None

    await eventually(it_is_gone)


async def test_who_scales_an_agent_owns_its_replicas(resources: ResourcesClient) -> None:
    ref = _agent().ref
    await resources.apply(_agent(replicas=2))
    await resources.scale(ref, 5)
    scaled = await _agent_of(resources, ref)
    assert (scaled.spec.replicas, scaled.metadata.generation) == (5, 2)
    await resources.apply(_agent(replicas=2))
    assert await _agent_of(resources, ref) == scaled
    managers = [entry.manager for entry in scaled.metadata.managed_fields if "f:replicas" in str(entry.fields_v1)]
    assert len(managers) == 1
    assert managers[0] != FIELD_MANAGER
    with pytest.raises(NotFoundError):
        await resources.scale(Ref(Kind.AGENT, "default", "none"), 1)


async def test_replicas_that_nobody_scaled_follow_what_we_apply(resources: ResourcesClient) -> None:
    await resources.apply(_agent(replicas=2))
    await resources.apply(_agent(replicas=3))
    assert (await _agent_of(resources, _agent().ref)).spec.replicas == 3


async def test_secret_written_as_text_is_read_as_data(resources: ResourcesClient) -> None:
    secret = Secret(metadata=ObjectMeta(name="key"), data={"a": "YQ=="}, string_data={"b": "text"})
    await resources.apply(secret)
    found = await resources.get(secret.ref)
    assert isinstance(found, Secret)
    assert {key: base64.b64decode(value) for key, value in found.data.items()} == {"a": b"a", "b": b"text"}
    assert found.string_data == {}


async def test_changes_begin_with_what_is_there_and_go_on_with_what_happens(
    resource_stores: Implementation[ResourcesClient], resources: ResourcesClient, tmp_path: Path
) -> None:
    await resources.apply(_team())
    await resources.apply(_project())
    await resources.apply(_agent())
    await resources.delete(_agent().ref)
    changes = resources.changes()
    other = resource_stores.open(tmp_path)
    async with asyncio.timeout(60):
        assert {await anext(changes), await anext(changes)} == {_team().ref, _project().ref}
        following = asyncio.create_task(_until(changes, _agent().ref))
        await other.apply(_agent())
        await following
        following = asyncio.create_task(_until(changes, _agent().ref))
        await other.write_status(_agent().ref, AgentStatus(phase=AgentPhase.IDLE))
        await following
        await other.delete(_project().ref)
        await _until(changes, _project().ref)
    await other.close()


async def _until(changes: object, ref: Ref) -> None:
    while await anext(changes) != ref:  # type: ignore[call-overload]  # an async iterator, whatever its class
        pass


async def test_writes_that_change_nothing_are_no_changes(resources: ResourcesClient) -> None:
    await resources.apply(_team())
    changes = resources.changes()
    async with asyncio.timeout(60):
        assert await anext(changes) == _team().ref
        await resources.apply(_team())
        await resources.write_status(_team().ref, TeamStatus())
        await resources.write_status(_team().ref, TeamStatus())
        await resources.record_event(_team().ref, kind="Normal", reason="Reconciled", message="All is well.")
        await resources.apply(_project())
        rest = [await anext(changes)]
        while rest[-1] != _project().ref:
            rest.append(await anext(changes))
    assert rest.count(_team().ref) <= 1, "the first status, where a status was not there before"


async def test_processes_that_apply_the_same_objects_make_each_once(
    resource_stores: Implementation[ResourcesClient], resources: ResourcesClient, tmp_path: Path
) -> None:
    with actors(6, "apply_agents", resource_stores, tmp_path, "10") as running:
        for process in running:
            process.rest()
    agents = await resources.list(Kind.AGENT)
    assert len(agents) == len({one.metadata.uid for one in agents}) == 10
    assert {one.metadata.generation for one in agents} == {1}
