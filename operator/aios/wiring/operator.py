"""The operator's world: an API server's resources and Deployments behind the one reconciler.

No journal, broker or object store is configured on a cluster yet, so projects are accepted and wait with the reason
ServicesNotConfigured. Whoever brings those services hands them to `World` here.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from aios.adapters.kubernetes.api import Api
from aios.adapters.kubernetes.leadership import Leadership
from aios.adapters.kubernetes.mirror import Mirror, connect_mirrored
from aios.adapters.kubernetes.render import PodSettings
from aios.adapters.kubernetes.resources import KubernetesResources
from aios.adapters.kubernetes.workloads import KubernetesWorkloads
from aios.ports.clock import Clock
from aios.reconcile.reconciler import RECONCILED_KINDS, Reconciler
from aios.reconcile.world import World
from aios.spec.base import Ref

LEASE = "aios-operator"


@dataclass(frozen=True, slots=True)
class Cluster:
    """What the controller drives."""

    reconciler: Reconciler
    leadership: Leadership
    mirror: Mirror
    _api: Api

    async def ask_for_kinds(self) -> None:
        """Ask the API server for every kind we reconcile. Raises RefusedError (404) while a CRD is not installed."""
        for kind in RECONCILED_KINDS:
            await self._api.list(kind)

    async def everything(self) -> Sequence[Ref]:
        """All keys, for a resync, which believes nothing that was said before."""
        self.mirror.forget_all()
        return await self.reconciler.everything()


@asynccontextmanager
async def open_cluster(
    *, context: str | None, namespace: str, identity: str, pods: PodSettings, clock: Clock
) -> AsyncIterator[Cluster]:
    """Connect. `namespace` is where the operator runs and keeps its Lease; it serves all namespaces."""
    mirror = Mirror(clock)
    async with connect_mirrored(context, mirror) as api:
        world = World(
            resources=KubernetesResources(api),
            workloads=KubernetesWorkloads(api, pods),
            clock=clock,
            services_ready=False,
        )
        leadership = Leadership(api, clock, namespace=namespace, name=LEASE, identity=identity)
        yield Cluster(Reconciler(world), leadership, mirror, api)
