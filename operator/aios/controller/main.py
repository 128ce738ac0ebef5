"""`aios operator`: events in, keys through the queue, the reconciler out.

Kopf watches in its own thread and only says which object changed. One operator acts at a time; the others wait for
the Lease.
"""

import asyncio
import logging
import os
import signal
import socket
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import NoReturn

from prometheus_client import Gauge

from aios.adapters.kubernetes.leadership import Leadership, LeadershipLostError
from aios.adapters.kubernetes.render import PodSettings
from aios.cancellation import cancelled
from aios.controller.health import Health
from aios.controller.kopf_thread import KopfThread
from aios.controller.watching import WATCHED, Listener, Told
from aios.errors import AiosError
from aios.ports.clock import Clock, SystemClock
from aios.reconcile.workqueue import Pace, WorkQueue
from aios.settings import log_unknown_variables
from aios.spec.base import Ref
from aios.telemetry import LOOPBACK, configure_logs
from aios.wiring.metrics import open_metrics
from aios.wiring.operator import Cluster, open_cluster
from aios.wiring.services import Services

log = logging.getLogger(__name__)

QUEUE_DEPTH = Gauge("aios_queue_depth", "Keys that wait to be reconciled.")
RECONCILES = Gauge("aios_reconciles", "Reconciles since the start, by outcome.", ["outcome"])
WATCH_AGE = Gauge("aios_watch_age_seconds", "Since the API server last opened a watch.", ["resource"])
WATCH_RESTARTS = Gauge("aios_watch_restarts", "How often watching had to begin again.")

_ENDED_WELL, _CANNOT_RUN = 0, 3


@dataclass(frozen=True, slots=True)
class OperatorOptions:
    """What the command line and the environment say."""

    context: str | None = None
    """kubeconfig context; None: the pod's service account, else the current context."""
    namespace: str = "aios-system"
    """Where the operator runs and keeps its Lease; it serves all namespaces."""
    services: Services = field(default_factory=Services)
    pods: PodSettings = field(default_factory=PodSettings)
    metrics_port: int = 0
    metrics_address: str = LOOPBACK
    verbose: bool = False
    pace: Pace = field(default_factory=lambda: Pace(rest=1.0))


def run(options: OperatorOptions) -> int:
    """Run until SIGTERM or SIGINT. Returns the exit code: 0, or 3 when the surroundings do not let it run. With 3
    the process ends, too, when another operator may act; started again, it waits for the Lease as everybody does."""
    configure_logs(file=None, stderr=True, verbose=options.verbose)
    log_unknown_variables()
    try:
        return asyncio.run(_run(options))
    except AiosError as error:
        log.error("%s", error)
        return _CANNOT_RUN


async def _run(options: OperatorOptions) -> int:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    clock = SystemClock()
    identity = f"{os.environ.get('POD_NAME') or socket.gethostname()}_{uuid.uuid4().hex[:8]}"
    async with open_cluster(
        context=options.context,
        namespace=options.namespace,
        identity=identity,
        services=options.services,
        pods=options.pods,
        clock=clock,
    ) as cluster:
        controller = Controller(cluster, options, clock)
        working = asyncio.create_task(controller.run())
        stopping = asyncio.create_task(stop.wait())
        await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
        return await _end(working, stopping)


async def _end(working: asyncio.Task[None], stopping: asyncio.Task[bool]) -> int:
    await cancelled(working, stopping)
    if working.cancelled():
        return _ENDED_WELL
    failure = working.exception()
    while isinstance(failure, BaseExceptionGroup):
        failure = failure.exceptions[0]
    if failure is not None:
        raise failure
    return _ENDED_WELL


class Controller:
    """Holds queue, watches and probes together."""

    def __init__(self, cluster: Cluster, options: OperatorOptions, clock: Clock) -> None:
        self._cluster, self._options, self._clock = cluster, options, clock
        self._queue: WorkQueue[Ref] = WorkQueue(cluster.reconciler.reconcile, clock, options.pace)
        self._health = Health(WATCHED, clock.monotonic, self._queue.longest_running)

    async def run(self) -> None:
        """Serve probes, wait for the Lease and the CRDs, then act until cancelled, or until the Lease is lost, which
        ends the process."""
        server = open_metrics(
            "operator",
            port=self._options.metrics_port,
            address=self._options.metrics_address,
            healthy=self._health.is_alive,
            ready=self._health.is_ready,
        )
        log.info("probes and metrics on port %d", server.port)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._beat())
                group.create_task(self._lead())
        finally:
            await asyncio.to_thread(server.close)

    async def _lead(self) -> None:
        leadership = self._cluster.leadership
        log.info("waiting for the Lease")
        await self._patiently(leadership.acquire)
        log.info("this operator acts")
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(_hold(leadership))
                group.create_task(self._act())
        finally:
            await _quietly(leadership.release())

    async def _act(self) -> None:
        await self._patiently(self._cluster.ask_for_kinds)
        loop = asyncio.get_running_loop()
        kopf = KopfThread(_Ears(self, loop), context=self._options.context)
        self._health.watching()
        kopf.start()
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._queue.run(self._cluster.everything))
                group.create_task(self._patiently(self._prepare))
                group.create_task(self._measure(kopf))
        finally:
            # Shielded: a cancelled wait would leave the thread calling into a loop that ends.
            await asyncio.shield(asyncio.to_thread(kopf.stop))

    async def _prepare(self) -> None:
        """Beside everything else: while the object store is away, what does not need it is reconciled, and what does
        says so. Once it answers, nobody waits for the next try of what failed for want of it."""
        await self._cluster.prepare()
        self._queue.add_all(await self._cluster.reconciler.everything())

    def told(self, told: Told) -> None:
        """An event: the mirror first, for whoever is woken by it reads there."""
        mirror = self._cluster.mirror
        (mirror.gone if told.deleted else mirror.saw)(told.manifest)
        self._queue.add_all(self._cluster.reconciler.affected(told.ref))

    def answered(self, plural: str) -> None:
        """A watch was opened."""
        self._health.answered(plural)
        self._cluster.mirror.watched(WATCHED[plural])

    def lost(self, plural: str) -> None:
        """A watch begins anew."""
        self._cluster.mirror.lost(WATCHED[plural])

    async def _patiently(self, attempt: Callable[[], Awaitable[None]]) -> None:
        """Until it succeeds: the API server may be away, CRDs and rights may come later."""
        while True:
            try:
                return await attempt()
            except AiosError as error:
                log.warning("waiting: %s", error)
                await self._clock.sleep(2.0)

    async def _beat(self) -> None:
        while True:
            self._health.beat()
            await self._clock.sleep(1.0)

    async def _measure(self, kopf: KopfThread) -> None:
        while True:
            QUEUE_DEPTH.set(self._queue.depth)
            RECONCILES.labels("worked").set(self._queue.worked)
            RECONCILES.labels("failed").set(self._queue.failed)
            WATCH_RESTARTS.set(kopf.restarts)
            for plural, age in self._health.ages().items():
                WATCH_AGE.labels(plural).set(age)
            await self._clock.sleep(1.0)


class _Ears:
    """What Kopf's thread says, heard in ours, in the same order."""

    def __init__(self, listener: Listener, loop: asyncio.AbstractEventLoop) -> None:
        self._listener, self._loop = listener, loop

    def told(self, told: Told) -> None:
        self._loop.call_soon_threadsafe(self._listener.told, told)

    def answered(self, plural: str) -> None:
        self._loop.call_soon_threadsafe(self._listener.answered, plural)

    def lost(self, plural: str) -> None:
        self._loop.call_soon_threadsafe(self._listener.lost, plural)


async def _hold(leadership: Leadership) -> None:
    try:
        await leadership.hold()
    except LeadershipLostError as error:
        _end_at_once(error)


def _end_at_once(lost: LeadershipLostError) -> NoReturn:
    """Another operator may act within seconds. Ending in good order takes longer: what runs in threads cannot be
    cancelled, goes on writing to the services, and would be waited for."""
    log.error("%s; this operator ends at once, started again it waits for the Lease", lost)
    logging.shutdown()
    os._exit(_CANNOT_RUN)


async def _quietly(releasing: Awaitable[None]) -> None:
    """A Lease that cannot be released expires."""
    try:
        async with asyncio.timeout(5.0):
            await releasing
    except (AiosError, TimeoutError) as error:
        log.info("the Lease was not released: %s", error)
