"""The operator's world: an API server's resources and Deployments behind the one reconciler.

With the services stated, it makes queues and buckets, gives each team users of its own at them, sees what agents do,
and removes what deleted projects leave.
Without them projects are accepted and wait with the reason ServicesNotConfigured.
"""

import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial

from aios.adapters.kubernetes.api import Api
from aios.adapters.kubernetes.identity import cluster_identity
from aios.adapters.kubernetes.leadership import Leadership
from aios.adapters.kubernetes.mirror import Mirror, connect_mirrored
from aios.adapters.kubernetes.render import PodSettings
from aios.adapters.kubernetes.resources import KubernetesResources
from aios.adapters.kubernetes.team_pods import TeamPods
from aios.adapters.kubernetes.team_secrets import TeamSecrets
from aios.adapters.kubernetes.workloads import KubernetesWorkloads
from aios.ports.clock import Clock
from aios.ports.resources import Resources
from aios.projects.activity import ActivityLedger
from aios.projects.desk import EnginePorts
from aios.projects.engine import Engine
from aios.projects.holders import Holders, Installation
from aios.reconcile.activity import CHARGED, session_activity
from aios.reconcile.reconciler import RECONCILED_KINDS, Reconciler
from aios.reconcile.world import World
from aios.spec.base import Ref
from aios.wiring.cleanup import letting_go, project_cleanup, remembered_nowhere_else
from aios.wiring.declaring import Names
from aios.wiring.ports import WorkPorts, open_work_ports
from aios.wiring.services import Services
from aios.wiring.team_access import ServicesAccess, open_users
from aios.wiring.unserved import restart

log = logging.getLogger(__name__)

LEASE = "aios-operator"


@dataclass(frozen=True, slots=True)
class Cluster:
    """What the controller drives."""

    reconciler: Reconciler
    leadership: Leadership
    mirror: Mirror
    _api: Api
    _ports: WorkPorts | None
    _access: ServicesAccess | None

    async def ask_for_kinds(self) -> None:
        """Ask the API server for every kind we reconcile. Raises RefusedError (404) while a CRD is not installed."""
        for kind in RECONCILED_KINDS:
            await self._api.list(kind)

    async def prepare(self) -> None:
        """Make the journal's bucket: Projects need it, and what Agents have done stands in it. Raises
        ServiceUnavailableError while the object store is away."""
        if self._ports is not None:
            await self._ports.prepare()

    async def everything(self) -> Sequence[Ref]:
        """All keys, for a resync, which believes nothing that was said before."""
        self.mirror.forget_all()
        if self._access is not None:
            self._access.forget_all()
            await self._access.sweep()
        return await self.reconciler.everything()


@asynccontextmanager
async def open_cluster(
    *, context: str | None, namespace: str, identity: str, services: Services, pods: PodSettings, clock: Clock
) -> AsyncIterator[Cluster]:
    """Connect. `namespace` is where the operator runs and keeps its Lease; it serves all namespaces."""
    mirror = Mirror(clock)
    missing = services.missing()
    if missing:
        log.warning(
            "teams are reconciled and Projects wait: no services are stated (%s); make the Secret aios-services in %s, "
            "then `%s`",
            ", ".join(missing),
            namespace,
            restart(namespace),
        )
    ports = None if missing else open_work_ports(None, services)
    try:
        async with connect_mirrored(context, mirror) as api:
            resources = KubernetesResources(api)
            world = World(
                resources=resources, workloads=KubernetesWorkloads(api, pods), clock=clock, services_ready=False
            )
            access = None
            if ports is not None:
                access = ServicesAccess(
                    services,
                    open_users(services),
                    secrets=TeamSecrets(api, namespace),
                    resources=resources,
                    identity=partial(cluster_identity, api),
                    pods=TeamPods(api),
                )
                workloads = KubernetesWorkloads(api, pods, access.secret)
                world = _served(replace(world, workloads=workloads, access=access), ports, identity, api)
            leadership = Leadership(api, clock, namespace=namespace, name=LEASE, identity=identity)
            yield Cluster(Reconciler(world), leadership, mirror, api, ports, access)
    finally:
        if ports is not None:
            await ports.close()


def _served(world: World, ports: WorkPorts, identity: str, api: Api) -> World:
    names = _names(ports, api, world.resources)
    # It never runs: it lends its fences to the removal of deleted projects.
    engine = Engine(
        EnginePorts(
            journal=ports.journal,
            broker=ports.broker,
            resources=world.resources,
            leases=ports.leases,
            clock=world.clock,
        ),
        name=identity,
    )
    return replace(
        world,
        broker_admin=ports.broker_admin,
        bucket_admin=ports.bucket_admin,
        activity=session_activity(ports.sessions, ActivityLedger(ports.journal).read, looks=CHARGED),
        cleanup=project_cleanup(engine, ports.bucket_admin, names),
        declare=names.declare_project,
        let_go=letting_go(ports.knowledge, names, may_forget=remembered_nowhere_else(names)),
        services_ready=True,
    )


def _names(ports: WorkPorts, api: Api, resources: Resources) -> Names:
    """What the cluster calls its own; which cluster it is, is known once the API server answers."""
    found: list[Holders] = []

    async def known() -> Holders:
        if not found:
            found.append(Holders(ports.journal, Installation.of_cluster(await cluster_identity(api))))
        return found[0]

    return Names(known, ports.journal, resources)
