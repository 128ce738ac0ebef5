"""What is somebody else's is left alone; and who still works for a team, as its Pods tell it: they outlive their
Deployment by as long as a task takes."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, cast

import pytest

from aios.adapters.kubernetes.api import Api, Manifest, RefusedError, name_of
from aios.adapters.kubernetes.render import PodSettings, config_map_name
from aios.adapters.kubernetes.workloads import OURS, KubernetesWorkloads
from aios.desired.build import build_workers
from aios.desired.nouns import Worker
from aios.naming import API_VERSION, LABEL_MANAGED_BY
from aios.spec.base import Kind
from tests.desired.building import lookup, member, model, ref, team

MADE = datetime(2026, 11, 28, 1, 0, tzinfo=UTC)
TEAM = ref(Kind.TEAM, "software")
NAME = "web-api"
MINE = "default/web-api"
WORKER = build_workers(team(member("api"), name="web"), lookup(model()))[0]
CONFIG = config_map_name(WORKER)


class Cluster:
    """What is stored, by kind and name, and what is written."""

    def __init__(self, *stored: Manifest) -> None:
        self.stored = {(found["kind"], found["metadata"]["name"]): found for found in stored}
        self.written: list[str] = []

    async def get(self, kind: str, namespace: str, name: str) -> Manifest | None:
        assert namespace == "default"
        return self.stored.get((kind, name))

    async def get_now(self, kind: str, namespace: str, name: str) -> Manifest | None:
        return await self.get(kind, namespace, name)

    async def apply_if_different(self, manifest: Manifest, _live: Manifest | None) -> Sequence[object]:
        self.written.append(manifest["kind"])
        self.stored[manifest["kind"], name_of(manifest)[1]] = manifest
        return (manifest,)

    async def list(self, kind: str, _namespace: str, selector: Mapping[str, str]) -> Sequence[Manifest]:
        found = [manifest for (stored, _), manifest in self.stored.items() if stored == kind]
        return [one for one in found if selector.items() <= one["metadata"].get("labels", {}).items()]

    async def delete(self, kind: str, _namespace: str, name: str) -> None:
        self.written.append(kind)
        del self.stored[kind, name]


class Mirroring(Cluster):
    """Remembers what it once said, whatever became of it."""

    def __init__(self, *stored: Manifest) -> None:
        super().__init__(*stored)
        self._said = dict(self.stored)

    async def get(self, kind: str, namespace: str, name: str) -> Manifest | None:
        return self._said.get((kind, name)) or await super().get(kind, namespace, name)

    async def get_now(self, kind: str, namespace: str, name: str) -> Manifest | None:
        return await super().get(kind, namespace, name)


def stored(kind: str, name: str = NAME, **head: Any) -> Manifest:
    return {
        "apiVersion": API_VERSION if kind == "Agent" else "v1",
        "kind": kind,
        "metadata": {"name": name, "namespace": "default", "uid": "u", **head},
    }


AGENT = stored("Agent")
THEIRS: dict[str, Any] = {"labels": {LABEL_MANAGED_BY: "Helm"}}


def owner(api_version: str) -> dict[str, Any]:
    return {"ownerReferences": [{"apiVersion": api_version, "kind": "Agent", "name": NAME, "uid": "u"}]}


def workloads(cluster: Cluster, *, asked: list[Worker] | None = None) -> KubernetesWorkloads:
    async def services(worker: Worker) -> str:
        if asked is not None:
            asked.append(worker)
        return ""

    return KubernetesWorkloads(cast("Api", cluster), PodSettings(), services)


@pytest.mark.parametrize(
    ("kind", "name"), [("ServiceAccount", NAME), ("NetworkPolicy", NAME), ("Deployment", NAME), ("ConfigMap", CONFIG)]
)
@pytest.mark.parametrize("head", [{}, THEIRS, owner("apps.example/v1")])
async def test_what_somebody_else_made_is_not_taken_over_and_nothing_is_written(
    kind: str, name: str, head: dict[str, Any]
) -> None:
    cluster, asked = Cluster(AGENT, stored(kind, name, **head)), list[Worker]()
    with pytest.raises(RefusedError) as refused:
        await workloads(cluster, asked=asked).apply(WORKER)
    told = f"{kind} default/{name} was not made by AIOS: rename the team or the member, or remove it"
    assert (str(refused.value), refused.value.retryable) == (told, False)
    assert (cluster.written, asked) == ([], [])


async def test_everything_that_is_in_the_way_is_named_at_once() -> None:
    cluster = Cluster(AGENT, stored("ServiceAccount"), stored("NetworkPolicy", **THEIRS))
    told = f"NetworkPolicy {MINE} and ServiceAccount {MINE} were not made by AIOS: .* or remove them"
    with pytest.raises(RefusedError, match=told):
        await workloads(cluster).apply(WORKER)


@pytest.mark.parametrize("head", [{"labels": OURS}, owner(API_VERSION)])
async def test_what_is_ours_is_applied_again_also_when_somebody_took_its_label_or_its_owner_away(
    head: dict[str, Any],
) -> None:
    cluster = Cluster(AGENT, stored("ServiceAccount", **head), stored("NetworkPolicy", **head))
    await workloads(cluster).apply(WORKER)
    assert cluster.written == ["ConfigMap", "ServiceAccount", "NetworkPolicy", "Deployment"]


async def test_what_was_in_the_way_is_looked_at_anew() -> None:
    cluster = Mirroring(AGENT, stored("NetworkPolicy"))
    with pytest.raises(RefusedError):
        await workloads(cluster).apply(WORKER)
    del cluster.stored["NetworkPolicy", NAME]
    await workloads(cluster).apply(WORKER)
    assert "NetworkPolicy" in cluster.written


async def test_deleting_leaves_what_is_somebody_elses() -> None:
    ours = (stored("Deployment", labels=OURS), stored("ConfigMap", CONFIG, labels=OURS, **owner(API_VERSION)))
    theirs = (stored("ServiceAccount"), stored("NetworkPolicy", **THEIRS))
    cluster = Cluster(*ours, *theirs)
    await workloads(cluster).delete("default", NAME)
    assert list(cluster.stored.values()) == list(theirs)


async def test_what_was_replaced_by_somebody_elses_is_not_deleted_either() -> None:
    cluster = Mirroring(stored("NetworkPolicy", labels=OURS))
    cluster.stored["NetworkPolicy", NAME] = stored("NetworkPolicy")
    await workloads(cluster).delete("default", NAME)
    assert cluster.written == []
