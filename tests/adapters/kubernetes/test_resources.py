"""The Resources port on a real API server: what it promises, and that it writes no more than it must."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from pathlib import Path
from typing import Any, TypeVar, cast

import pytest

from aios.adapters.kubernetes.api import Api, ConflictingWriteError, RefusedError, connect
from aios.adapters.kubernetes.resources import KubernetesResources
from aios.desired.build import build_agents
from aios.desired.ownership import foreign_scaler
from aios.spec.agent import Agent
from aios.spec.base import Kind, Ref, Resource
from aios.spec.model import Model, ModelStatus
from aios.spec.project import Project, ProjectStatus, RunStatus
from aios.spec.team import AgentTeam
from aios.spec.vocabulary import Locality, ProjectPhase
from tests.desired.building import member, model, project, team
from tests.servers.control_plane import ControlPlane

CRDS = Path(__file__).parents[3] / "crds"


@pytest.fixture(scope="session")
def with_crds(control_plane: ControlPlane) -> ControlPlane:
    control_plane.kubectl("apply", "-k", str(CRDS))
    control_plane.kubectl("wait", "--for=condition=Established", "crd", "--all", "--timeout=30s")
    return control_plane


@pytest.fixture
async def api(with_crds: ControlPlane, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Api]:
    monkeypatch.setenv("KUBECONFIG", str(with_crds.kubeconfig))
    async with connect() as opened:
        yield opened


@pytest.fixture
def resources(api: Api) -> KubernetesResources:
    return KubernetesResources(api)


R = TypeVar("R", bound=Resource)


def within(namespace: str, resource: R) -> R:
    metadata = resource.metadata.model_copy(update={"namespace": namespace})
    return resource.model_copy(update={"metadata": metadata})


async def version(resources: KubernetesResources, ref: Ref) -> str:
    found = await resources.get(ref)
    assert found is not None
    return found.metadata.resource_version


async def test_applying_what_is_there_writes_nothing_and_a_change_counts_in_generation(
    resources: KubernetesResources, with_crds: ControlPlane, namespace: str
) -> None:
    wanted = within(namespace, model())
    await resources.apply(wanted)
    mark = with_crds.mark()
    await resources.apply(wanted)
    assert with_crds.writes(mark, namespace=namespace, user="admin") == []
    await resources.apply(within(namespace, model(capability=8)))
    found = await resources.get(wanted.ref)
    assert isinstance(found, Model)
    assert (found.spec.capability, found.metadata.generation) == (8, 2)


async def test_a_field_that_is_no_longer_stated_goes(resources: KubernetesResources, namespace: str) -> None:
    await resources.apply(within(namespace, model(clearance="Public")))
    await resources.apply(within(namespace, model()))
    found = await resources.get(Ref(Kind.MODEL, namespace, "local"))
    assert isinstance(found, Model)
    assert found.spec.clearance is None


async def test_status_is_written_once_and_the_run_has_its_own_writer(
    resources: KubernetesResources, namespace: str
) -> None:
    wanted = within(namespace, project())
    await resources.apply(wanted)
    run = RunStatus(id="r", phase=ProjectPhase.RUNNING, sequence=7)
    status = ProjectStatus(observed_generation=1, phase=ProjectPhase.RUNNING, done="1/2")
    assert await resources.write_run(wanted.ref, run)
    assert await resources.write_status(wanted.ref, status)
    before = await version(resources, wanted.ref)
    assert await resources.write_status(wanted.ref, status)
    assert await resources.write_run(wanted.ref, run)
    assert await version(resources, wanted.ref) == before
    found = await resources.get(wanted.ref)
    assert isinstance(found, Project)
    assert (found.status.run, found.status.done) == (run, "1/2")
    assert not await resources.write_status(Ref(Kind.PROJECT, namespace, "gone"), status)
    assert not await resources.write_run(Ref(Kind.PROJECT, namespace, "gone"), run)


async def test_what_a_status_no_longer_says_goes(resources: KubernetesResources, namespace: str) -> None:
    wanted = within(namespace, model())
    await resources.apply(wanted)
    await resources.write_status(wanted.ref, ModelStatus(locality=Locality.LOCAL))
    await resources.write_status(wanted.ref, ModelStatus())
    found = await resources.get(wanted.ref)
    assert isinstance(found, Model)
    assert found.status.locality is None


async def test_finalizers_hold_and_let_go_and_leave_the_spec_to_its_author(
    resources: KubernetesResources, namespace: str
) -> None:
    wanted = within(namespace, project())
    await resources.apply(wanted)
    await resources.add_finalizer(wanted.ref, "aios.dev/cleanup")
    before = await version(resources, wanted.ref)
    await resources.add_finalizer(wanted.ref, "aios.dev/cleanup")
    assert await version(resources, wanted.ref) == before
    await resources.delete(wanted.ref)
    held = await resources.get(wanted.ref)
    assert held is not None
    assert held.metadata.deletion_timestamp is not None
    await resources.add_finalizer(wanted.ref, "aios.dev/another")
    await resources.remove_finalizer(wanted.ref, "aios.dev/cleanup")
    assert await resources.get(wanted.ref) is None
    await resources.remove_finalizer(wanted.ref, "aios.dev/cleanup")
    await resources.delete(wanted.ref)


async def test_whoever_scales_an_agent_keeps_it(
    resources: KubernetesResources, with_crds: ControlPlane, namespace: str
) -> None:
    await resources.apply(within(namespace, team(member("a", replicas=2))))
    owner = await resources.get(Ref(Kind.TEAM, namespace, "software"))
    assert isinstance(owner, AgentTeam)
    (wanted,) = build_agents(owner)
    await resources.apply(wanted)
    fresh = await resources.get(wanted.ref)
    assert isinstance(fresh, Agent)
    assert foreign_scaler(fresh) is None
    with_crds.kubectl("scale", "agents.aios.dev/software-a", "--replicas=5", "-n", namespace)
    for _ in range(2):
        await resources.apply(wanted)
    found = await resources.get(wanted.ref)
    assert isinstance(found, Agent)
    assert (found.spec.replicas, foreign_scaler(found)) == (5, "kubectl")


async def test_the_same_said_again_is_counted_and_not_added(
    resources: KubernetesResources, with_crds: ControlPlane, namespace: str
) -> None:
    wanted = within(namespace, model())
    await resources.apply(wanted)
    for _ in range(3):
        await resources.record_event(wanted.ref, kind="Normal", reason="Accepted", message="fine")
    await resources.record_event(Ref(Kind.MODEL, namespace, "gone"), kind="Normal", reason="Accepted", message="fine")
    (event,) = with_crds.kubectl_json("get", "events.events.k8s.io", "-n", namespace)["items"]
    assert (event["regarding"]["name"], event["series"]["count"]) == ("local", 3)
    assert "Accepted" in with_crds.kubectl("describe", "model/local", "-n", namespace).stdout


async def test_changes_are_first_everything_and_then_what_happens(
    resources: KubernetesResources, namespace: str
) -> None:
    await resources.apply(within(namespace, model("old")))
    async with aclosing(of_namespace(resources, namespace)) as changes:
        assert await anext_of(changes) == Ref(Kind.MODEL, namespace, "old")
        await resources.apply(within(namespace, model("new")))
        assert await anext_of(changes) == Ref(Kind.MODEL, namespace, "new")
        await resources.delete(Ref(Kind.MODEL, namespace, "old"))
        assert await anext_of(changes) == Ref(Kind.MODEL, namespace, "old")


async def of_namespace(resources: KubernetesResources, namespace: str) -> AsyncGenerator[Ref, None]:
    async with aclosing(cast("AsyncGenerator[Ref, None]", resources.changes())) as changes:
        async for ref in changes:
            if ref.namespace == namespace and ref.kind is Kind.MODEL:
                yield ref


async def anext_of(changes: AsyncIterator[Ref]) -> Ref:
    return await asyncio.wait_for(anext(changes), 20)


async def test_refusals_are_told_apart(api: Api, namespace: str) -> None:
    head: dict[str, Any] = {"name": "bad", "namespace": namespace}
    bad = {"apiVersion": "aios.dev/v1alpha1", "kind": "Model", "metadata": head, "spec": {"provider": "Nobody"}}
    with pytest.raises(RefusedError, match="apply Model") as refused:
        await api.apply(bad)
    assert not refused.value.retryable
    text = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x", "namespace": namespace}}
    await api.create(text)
    with pytest.raises(ConflictingWriteError) as conflict:
        await api.create(text)
    assert conflict.value.retryable
