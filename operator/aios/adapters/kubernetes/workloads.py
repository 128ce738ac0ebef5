"""Workers as Deployments: the Workloads port on an API server.

Every object of a worker is owned by its Agent, so that a team deleted while no operator runs leaves nothing behind.
"""

from collections.abc import Sequence

from aios.adapters.kubernetes.api import Api, Manifest, name_of
from aios.adapters.kubernetes.observed import is_rolled_out, observe_workers
from aios.adapters.kubernetes.render import Owner, PodSettings, config_map_name, render
from aios.desired.nouns import Worker
from aios.naming import FIELD_MANAGER, LABEL_MANAGED_BY, labels
from aios.ports.workloads import ObservedWorker
from aios.spec.base import Kind

OURS = {LABEL_MANAGED_BY: FIELD_MANAGER}
"""The label by which our Deployments, Pods and ConfigMaps are listed and watched."""


class KubernetesWorkloads:
    """Applies what `render` says, reads what became of it."""

    def __init__(self, api: Api, settings: PodSettings) -> None:
        self._api = api
        self._settings = settings

    async def apply(self, worker: Worker) -> None:
        """Apply what differs. Without its Agent nothing is made: it is being deleted."""
        agent = await self._api.get(Kind.AGENT, worker.namespace, worker.agent)
        if agent is None or "deletionTimestamp" in agent["metadata"]:
            return
        owner = Owner(agent["apiVersion"], worker.agent, agent["metadata"]["uid"])
        for manifest in render(worker, self._settings, owner):
            live = await self._api.get(manifest["kind"], *name_of(manifest))
            changes = await self._api.apply_if_different(manifest, live)
            if manifest["kind"] == "Deployment" and not changes and live is not None and is_rolled_out(live):
                await self._remove_old_configs(worker)

    async def observe(self, namespace: str) -> Sequence[ObservedWorker]:
        """From two listings by our label."""
        deployments = await self._api.list("Deployment", namespace, OURS)
        return observe_workers(deployments, await self._api.list("Pod", namespace, OURS))

    async def delete(self, namespace: str, agent: str) -> None:
        """Delete what `apply` made; Kubernetes ends the pods after their tasks, within the grace period."""
        for kind in ("Deployment", "NetworkPolicy", "ServiceAccount"):
            await self._api.delete(kind, namespace, agent)
        for found in await self._api.list("ConfigMap", namespace, OURS):
            if _is_owned(found, agent):
                await self._api.delete("ConfigMap", *name_of(found))

    async def _remove_old_configs(self, worker: Worker) -> None:
        """Only once no replica uses them: a pod that is started again mounts its ConfigMap anew."""
        selector = labels(worker.config.team, worker.config.member.name)
        for found in await self._api.list("ConfigMap", worker.namespace, selector):
            namespace, name = name_of(found)
            if name != config_map_name(worker) and _is_owned(found, worker.agent):
                await self._api.delete("ConfigMap", namespace, name)


def _is_owned(manifest: Manifest, agent: str) -> bool:
    owners = manifest["metadata"].get("ownerReferences", ())
    return any(owner["kind"] == "Agent" and owner["name"] == agent for owner in owners)
