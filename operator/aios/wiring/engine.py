"""`aios engine` on Kubernetes: drives the Projects that the operator has accepted. Any number may run; the journal's
fence lets one drive each run."""

import asyncio
import logging
import os
import socket
import uuid
from dataclasses import dataclass, field
from functools import partial

from aios.adapters.kubernetes.api import connect
from aios.adapters.kubernetes.identity import cluster_identity
from aios.adapters.kubernetes.resources import KubernetesResources
from aios.cancellation import cancelled
from aios.errors import AiosError, EnvironmentProblemError
from aios.ports.clock import Clock, SystemClock
from aios.projects.desk import EnginePorts
from aios.projects.engine import Engine
from aios.projects.holders import Holders, Installation
from aios.settings import log_unknown_variables
from aios.telemetry import LOOPBACK, configure_logs
from aios.wiring.instrument import as_they_are
from aios.wiring.metrics import open_metrics
from aios.wiring.outages import Outages, to_log
from aios.wiring.patience import until_served
from aios.wiring.ports import WorkPorts, open_work_ports
from aios.wiring.services import Services
from aios.wiring.stopping import GIVEN_UP, Stoppable
from aios.wiring.unserved import OPERATORS_NAMESPACE, wait_unserved

log = logging.getLogger(__name__)

_CANNOT_RUN = 3


@dataclass(frozen=True, slots=True)
class EngineOptions:
    """What the command line and the environment say."""

    context: str | None = None
    """kubeconfig context; None: the pod's service account, else the current context."""
    services: Services = field(default_factory=Services)
    pod: str = ""
    """The pod this runs in; empty outside one."""
    metrics_port: int = 0
    metrics_address: str = LOOPBACK
    verbose: bool = False


def run(options: EngineOptions) -> int:
    """Until SIGTERM or SIGINT; returns the exit code: 0, or 3 when its surroundings do not let it run."""
    configure_logs(file=None, stderr=True, verbose=options.verbose)
    log_unknown_variables()
    stoppable: Stoppable[None] = Stoppable(code=os.EX_OK)
    try:
        stoppable.run(partial(_run, options))
        if stoppable.gave_up:
            log.warning("%s", GIVEN_UP)
        return os.EX_OK
    except AiosError as error:
        log.error("%s", error)
        return _CANNOT_RUN


async def _run(options: EngineOptions, stop: asyncio.Event) -> None:
    missing = options.services.missing()
    if missing and not options.pod:
        raise EnvironmentProblemError(f"an engine needs {', '.join(missing)}; `aios doctor` says what each is")
    ready = asyncio.Event()
    metrics = open_metrics("engine", port=options.metrics_port, address=options.metrics_address, ready=ready.is_set)
    log.info("probes and metrics on port %d", metrics.port)
    work = wait_unserved(missing, OPERATORS_NAMESPACE, stop) if missing else _drive(options, ready)
    driving = asyncio.create_task(work)
    stopping = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({driving, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if driving.done():
            driving.result()
    finally:
        await cancelled(driving, stopping)
        metrics.close()


async def _drive(options: EngineOptions, ready: asyncio.Event) -> None:
    # In a pod there is no exit for refused credentials: a crash loop would say less and cost more.
    outages = Outages(to_log, options.services, admission=not options.pod)
    clock, ports = SystemClock(), open_work_ports(None, options.services, outages.instrument(as_they_are))
    try:
        await outages.admitted(_driven(ports, clock, options, ready))
    finally:
        await ports.close()


async def _driven(ports: WorkPorts, clock: Clock, options: EngineOptions, ready: asyncio.Event) -> None:
    await until_served(ports.prepare, "make the journal's bucket", clock)
    async with connect(options.context) as api:
        identity = await until_served(partial(cluster_identity, api), "read which cluster this is", clock)
        engine = Engine(
            EnginePorts(
                journal=ports.journal,
                broker=ports.broker,
                resources=KubernetesResources(api),
                leases=ports.leases,
                clock=clock,
            ),
            name=f"{os.environ.get('POD_NAME') or socket.gethostname()}_{uuid.uuid4().hex[:8]}",
            neighbours=Holders(ports.journal, Installation.of_cluster(identity)),
        )
        ready.set()
        await engine.run()
