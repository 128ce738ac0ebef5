"""Workers as Deployments: the Workloads port on an API server.

Every object of a worker is owned by its Agent, so that a team deleted while no operator runs leaves nothing behind.
Its names are made of what users wrote, so somebody else's object may have one of them already: that is neither changed
nor deleted.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace

from aios.adapters.kubernetes.api import Api, Manifest, RefusedError, name_of
from aios.adapters.kubernetes.observed import has_pods_to_explain, is_rolled_out, observe_workers
from aios.adapters.kubernetes.render import Owner, PodSettings, config_map_name, render
from aios.desired.nouns import Worker
from aios.naming import FIELD_MANAGER, GROUP, LABEL_MANAGED_BY, labels
from aios.ports.workloads import ObservedWorker
from aios.spec.base import Kind

OURS = {LABEL_MANAGED_BY: FIELD_MANAGER}
"""The label by which our Deployments, Pods and ConfigMaps are listed and watched."""

_NAMED_AS_AGENT = ("Deployment", "NetworkPolicy", "ServiceAccount")
_TAKEN = 409

ServicesSecret = Callable[[Worker], Awaitable[str]]
"""The Secret made for a worker's team; empty: there is none."""


async def shared_secret(_: Worker) -> str:
    """All workers of a namespace read the same."""
    return ""


class KubernetesWorkloads:
    """Applies what `render` says, reads what became of it."""

    def __init__(self, api: Api, settings: PodSettings, services: ServicesSecret = shared_secret) -> None:
        self._api = api
        self._settings, self._services = settings, services
        self._tidied: dict[tuple[str, str], str] = {}

    async def apply(self, worker: Worker) -> None:
        """Apply what differs. Without its Agent nothing is made: it is being deleted. Raises RefusedError, and writes
        nothing, when somebody else has an object of a name that is needed."""
        agent = await self._api.get(Kind.AGENT, worker.namespace, worker.agent)
        if agent is None or "deletionTimestamp" in agent["metadata"]:
            return
        owner = Owner(agent["apiVersion"], worker.agent, agent["metadata"]["uid"])
        live = await self._ours(worker)
        deployment = live["Deployment"]
        if deployment is None:
            self._tidied[worker.namespace, worker.agent] = config_map_name(worker)
        changed = False
        for manifest in render(worker, await self._pod_settings(worker), owner):
            changed |= bool(await self._api.apply_if_different(manifest, live[manifest["kind"]]))
        if not changed and deployment is not None and is_rolled_out(deployment):
            await self._remove_old_configs(worker)

    async def observe(self, namespace: str, agent: str | None = None) -> Sequence[ObservedWorker]:
        """All of the namespace from two listings; one agent's from its Deployment, and from its Pods as long as it
        has some that are not ready."""
        if agent is None:
            deployments = await self._api.list("Deployment", namespace, OURS)
            return observe_workers(deployments, await self._api.list("Pod", namespace, OURS))
        deployment = await self._api.get("Deployment", namespace, agent)
        if deployment is None:
            return ()
        pods: Sequence[Manifest] = ()
        if has_pods_to_explain(deployment):
            pods = await self._api.list("Pod", namespace, deployment["spec"]["selector"]["matchLabels"])
        return observe_workers((deployment,), pods)

    async def delete(self, namespace: str, agent: str) -> None:
        """Delete what `apply` made; Kubernetes ends the pods after their tasks, within the grace period."""
        self._tidied.pop((namespace, agent), None)
        for kind in _NAMED_AS_AGENT:
            found = await self._api.get_now(kind, namespace, agent)
            if found is not None and _is_ours(found):
                await self._api.delete(kind, namespace, agent)
        for config in await self._api.list("ConfigMap", namespace, OURS):
            if _is_owned(config, agent):
                await self._api.delete("ConfigMap", *name_of(config))

    async def _ours(self, worker: Worker) -> Mapping[str, Manifest | None]:
        """What there is of a worker, by kind. Raises RefusedError that names what is somebody else's."""
        names = {"ConfigMap": config_map_name(worker), **dict.fromkeys(_NAMED_AS_AGENT, worker.agent)}
        live = {kind: await self._look(kind, worker.namespace, name) for kind, name in names.items()}
        taken = [kind for kind, found in live.items() if found is not None and not _is_ours(found)]
        if taken:
            what = " and ".join(f"{kind} {worker.namespace}/{names[kind]}" for kind in sorted(taken))
            were, them = ("was", "it") if len(taken) == 1 else ("were", "them")
            raise RefusedError(
                f"{what} {were} not made by AIOS: rename the team or the member, or remove {them}", _TAKEN
            )
        return live

    async def _look(self, kind: str, namespace: str, name: str) -> Manifest | None:
        found = await self._api.get(kind, namespace, name)
        # Somebody else's is looked at anew: once it is removed, no event tells us.
        return found if found is None or _is_ours(found) else await self._api.get_now(kind, namespace, name)

    async def _pod_settings(self, worker: Worker) -> PodSettings:
        secret = await self._services(worker)
        return replace(self._settings, team=secret) if secret else self._settings

    async def _remove_old_configs(self, worker: Worker) -> None:
        """Only once no replica uses them: a pod that is started again mounts its ConfigMap anew. Looked for once a
        configuration."""
        current, place = config_map_name(worker), (worker.namespace, worker.agent)
        if self._tidied.get(place) == current:
            return
        selector = labels(worker.config.team, worker.config.member.name)
        for found in await self._api.list("ConfigMap", worker.namespace, selector):
            namespace, name = name_of(found)
            if name != current and _is_owned(found, worker.agent):
                await self._api.delete("ConfigMap", namespace, name)
        self._tidied[place] = current


def _is_ours(found: Manifest) -> bool:
    """By its label; when somebody took that away, by its owner."""
    head = found["metadata"]
    owners = head.get("ownerReferences", ())
    return head.get("labels", {}).get(LABEL_MANAGED_BY) == FIELD_MANAGER or any(
        owner["kind"] == "Agent" and owner["apiVersion"].startswith(f"{GROUP}/") for owner in owners
    )


def _is_owned(manifest: Manifest, agent: str) -> bool:
    owners = manifest["metadata"].get("ownerReferences", ())
    return any(owner["kind"] == "Agent" and owner["name"] == agent for owner in owners)
