"""The operator's world: an API server's resources and Deployments behind the one reconciler.

With the services stated, it makes queues and buckets, sees what agents do, and removes what deleted projects leave.
Without them projects are accepted and wait with the reason ServicesNotConfigured.
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
from aios.ports.resources import Resources
from aios.projects.activity import ActivityLedger
from aios.projects.desk import EnginePorts
from aios.projects.engine import Engine
from aios.reconcile.activity import session_activity
from aios.reconcile.reconciler import RECONCILED_KINDS, Reconciler
from aios.reconcile.world import World
from aios.spec.base import Ref
from aios.wiring.cleanup import project_cleanup
from aios.wiring.ports import WorkPorts, open_work_ports
from aios.wiring.services import Services

LEASE = "aios-operator"


@dataclass(frozen=True, slots=True)
class Cluster:
    """What the controller drives."""

    reconciler: Reconciler
    leadership: Leadership
    mirror: Mirror
    _api: Api
    _ports: WorkPorts | None

    async def ask_for_kinds(self) -> None:
        """Ask the API server for every kind we reconcile, and for the journal's bucket. Raises RefusedError (404)
        while a CRD is not installed, ServiceUnavailableError while the object store is away."""
        for kind in RECONCILED_KINDS:
            await self._api.list(kind)
        if self._ports is not None:
            await self._ports.prepare()

    async def everything(self) -> Sequence[Ref]:
        """All keys, for a resync, which believes nothing that was said before."""
        self.mirror.forget_all()
        return await self.reconciler.everything()


@asynccontextmanager
async def open_cluster(
    *, context: str | None, namespace: str, identity: str, services: Services, pods: PodSettings, clock: Clock
) -> AsyncIterator[Cluster]:
    """Connect. `namespace` is where the operator runs and keeps its Lease; it serves all namespaces."""
    mirror = Mirror(clock)
    ports = None if services.missing() else open_work_ports(None, services)
    try:
        async with connect_mirrored(context, mirror) as api:
            resources = KubernetesResources(api)
            workloads = KubernetesWorkloads(api, pods)
            world = World(resources=resources, workloads=workloads, clock=clock, services_ready=False)
            if ports is not None:
                world = _served(ports, resources, workloads, clock, identity)
            leadership = Leadership(api, clock, namespace=namespace, name=LEASE, identity=identity)
            yield Cluster(Reconciler(world), leadership, mirror, api, ports)
    finally:
        if ports is not None:
            await ports.close()


def _served(
    ports: WorkPorts, resources: Resources, workloads: KubernetesWorkloads, clock: Clock, identity: str
) -> World:
    # It never runs: it lends its fences to the removal of deleted projects.
    engine = Engine(
        EnginePorts(journal=ports.journal, broker=ports.broker, resources=resources, leases=ports.leases, clock=clock),
        name=identity,
    )
    return World(
        resources=resources,
        workloads=workloads,
        clock=clock,
        broker_admin=ports.broker_admin,
        bucket_admin=ports.bucket_admin,
        activity=session_activity(ports.sessions, ActivityLedger(ports.journal).read),
        cleanup=project_cleanup(engine, ports.objects),
        services_ready=True,
    )
