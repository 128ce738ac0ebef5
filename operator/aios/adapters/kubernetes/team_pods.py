"""Which of a team's own Secrets its Deployments and pods read, as these say it themselves: the operator may look at
them, and at no Secret.

That a pod names a Secret is also how it is known whose user it is let in as. When the pod was made does not tell: a
Deployment that could not be given another Secret goes on making pods that read the former one.
"""

import re
from collections.abc import Sequence

from aios.adapters.kubernetes.api import Api, Manifest
from aios.adapters.kubernetes.workloads import OURS
from aios.desired.nouns import Worker
from aios.naming import LABEL_TEAM
from aios.spec.base import Ref

_ENDED = frozenset({"Succeeded", "Failed"})


class TeamPods:
    """Reads them. Each method raises EnvironmentProblemError where that is not allowed, ServiceUnavailableError while
    the API server is away."""

    def __init__(self, api: Api) -> None:
        self._api = api

    async def secret_of(self, worker: Worker) -> str:
        """What the worker's Deployment names now; empty: none of its team's, or there is no Deployment."""
        found = await self._api.get("Deployment", worker.namespace, worker.agent)
        named = _named(found["spec"]["template"]["spec"], worker.config.team) if found is not None else ()
        return next(iter(named), "")

    async def standing(self, team: Ref) -> frozenset[str]:
        """What the team's Deployments name: who starts now reads that."""
        found = await self._list("Deployment", team)
        return frozenset(name for one in found for name in _named(one["spec"]["template"]["spec"], team.name))

    async def in_use(self, team: Ref) -> frozenset[str]:
        """What anybody of the team reads, or would if it started now."""
        # Deployments first: a pod that one of them makes after we looked at the pods reads what it names.
        standing = await self.standing(team)
        return standing.union(*(_named(pod["spec"], team.name) for pod in await self._living(team)))

    async def are_left(self, team: Ref) -> bool:
        """Whether the team has pods: those that finish a task outlive their Deployment and even their team."""
        return bool(await self._living(team))

    async def _living(self, team: Ref) -> Sequence[Manifest]:
        return [pod for pod in await self._list("Pod", team) if pod.get("status", {}).get("phase") not in _ENDED]

    async def _list(self, kind: str, team: Ref) -> Sequence[Manifest]:
        return await self._api.list(kind, team.namespace, {**OURS, LABEL_TEAM: team.name})


def _named(pod: Manifest, team: str) -> Sequence[str]:
    """The team's own Secrets among the `envFrom` of a pod's spec."""
    ours = re.compile(rf"aios-services-{re.escape(team)}-[0-9a-f]+")
    sources = [source for container in pod["containers"] for source in container.get("envFrom", ())]
    names = [source["secretRef"]["name"] for source in sources if "secretRef" in source]
    return [name for name in names if ours.fullmatch(name)]
