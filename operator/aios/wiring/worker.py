"""One worker: what `aios up` starts in its own process, and what `aios worker` runs in a process of its own.

A worker is told what it is by a file (a pod's ConfigMap, or what `aios up --isolate` writes), or it looks up what an
engine published of an agent and follows that. It reads no resource and makes no queue and no bucket.
"""

import asyncio
import contextlib
import logging
import os
import sys
import tempfile
import uuid
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from pydantic import ValidationError

from aios.agents.ports import AgentPorts
from aios.desired.nouns import WorkerConfig
from aios.embedded.state_folder import StateFolder
from aios.errors import EnvironmentProblemError, InvalidSpecError
from aios.naming import bucket_name
from aios.settings import Settings, log_unknown_variables, read_settings
from aios.telemetry import MetricsServer, bound, configure_logs
from aios.wiring.chat_models import ChatModels
from aios.wiring.credentials import FoundCredentials
from aios.wiring.instrument import as_they_are
from aios.wiring.isolated import READY, outlive_not
from aios.wiring.metrics import open_metrics
from aios.wiring.outages import Outages, to_log
from aios.wiring.ports import WorkPorts, open_ports, open_work_ports
from aios.wiring.published import AgentName, follow_published
from aios.wiring.services import Services
from aios.wiring.stopping import GIVEN_UP, Stoppable
from aios.wiring.unserved import wait_unserved
from aios.workspace.turns import Turns

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class WorkerOptions:
    """What the command line says: `config` or `agent`. `parent`: the process to live no longer than; 0: none."""

    config: Path | None = None
    agent: AgentName | None = None
    state: Path | None = None
    worker_id: str = ""
    parent: int = 0
    verbose: bool = False


class Replicas:
    """Runs configurations' workers over ports of this process."""

    def __init__(self, ports: WorkPorts, models: ChatModels, scratch: Path) -> None:
        """`scratch` is a local folder for working copies."""
        self._ports, self._models, self._scratch = ports, models, scratch
        self._turns = Turns()

    async def run(self, config: WorkerConfig, worker_id: str, stop: asyncio.Event, ready: Callable[[], None]) -> None:
        """A `RunReplica`: until `stop`, then finishes what is in flight."""
        from aios.agents.worker import AgentWorker

        chat = self._models.of(config.namespace)
        worker = AgentWorker(config, worker_id, self._agent_ports(config), chat, scratch=self._scratch)
        await worker.run(stop, ready)

    def _agent_ports(self, config: WorkerConfig) -> AgentPorts:
        return AgentPorts(
            journal=self._ports.journal,
            broker=self._ports.broker,
            objects=self._ports.objects(bucket_name(config.namespace)),
            sessions=self._ports.sessions,
            leases=self._ports.leases,
            knowledge=self._ports.knowledge,
            turns=self._turns,
        )


def run(options: WorkerOptions) -> int:
    """`aios worker`: until SIGTERM, then finishes what is in flight. Returns the exit code."""
    settings = read_settings()
    services = Services.from_settings(settings)
    config = _read(options.config) if options.config else None
    state = StateFolder(options.state) if options.state is not None else None
    if state is not None:
        state.refuse_others()  # before our log lies in somebody's folder
    logs = state.path / "logs" / "workers.jsonl" if state else None
    loud = options.verbose or settings.verbose
    # A supervisor takes what stands on stderr for last words; a person who started it wants to see it work.
    configure_logs(file=logs, stderr=not options.parent or loud, verbose=loud)
    log_unknown_variables()
    if state is None and services.missing():
        if config is not None and settings.pod:
            return _until_told(partial(_wait_unready, settings, config, services.missing()), options)
        raise EnvironmentProblemError(
            f"this worker knows no {', '.join(services.missing())}: on a laptop `aios up` starts workers itself; name "
            "its state folder with --state DIR, or set these variables (`aios doctor` says what each is)"
        )

    async def serve(stop: asyncio.Event) -> None:
        with state.share() if state is not None else contextlib.nullcontext():
            await _serve(options, settings, services, config=config, state=state, stop=stop)

    return _until_told(serve, options)


def _until_told(work: Callable[[asyncio.Event], Awaitable[None]], options: WorkerOptions) -> int:
    # Ctrl-C reaches a terminal's whole group: a worker that a supervisor started hears of it from both, which is no
    # second wish; that one is killed when its time is over.
    stoppable: Stoppable[None] = Stoppable(code=os.EX_OK, insistent=not options.parent)
    stoppable.run(work)
    if stoppable.gave_up:
        log.warning("%s", GIVEN_UP)
    return os.EX_OK


async def _wait_unready(
    settings: Settings, config: WorkerConfig, missing: tuple[str, ...], stop: asyncio.Event
) -> None:
    """A pod whose cluster has no services configured: alive, never ready, until SIGTERM or until it starts anew."""
    metrics = _metrics(settings, lambda: False)
    try:
        with bound(namespace=config.namespace, agent=config.agent, worker=settings.pod):
            log.info("probes and metrics at %s", metrics.url)
            await wait_unserved(missing, config.namespace, stop)
    finally:
        metrics.close()


async def _serve(
    options: WorkerOptions,
    settings: Settings,
    services: Services,
    *,
    config: WorkerConfig | None,
    state: StateFolder | None,
    stop: asyncio.Event,
) -> None:
    """Over `state`, if there is one, which this process shares."""
    is_ready = asyncio.Event()
    metrics = _metrics(settings, is_ready.is_set)
    # A supervisor, or a cluster, would start it again and again: there it waits, with the reason in its log.
    outages = Outages(to_log, services, admission=not (options.parent or settings.pod))
    ports: WorkPorts
    if state is not None:
        laptop = open_ports(state, services, outages.instrument(as_they_are))
        ports, credentials = laptop, FoundCredentials(resources=laptop.resources, state=state.path)
    else:
        ports = open_work_ports(None, services, outages.instrument(as_they_are))
        credentials = _credentials(settings)
    models = ChatModels(credentials)

    def ready() -> None:
        is_ready.set()
        # The supervisor may be gone or not care; a worker works all the same.
        with contextlib.suppress(OSError):
            sys.stdout.buffer.write(READY)
            sys.stdout.buffer.flush()

    watch = asyncio.create_task(outlive_not(options.parent)) if options.parent else None
    try:
        with _scratch(state) as scratch:
            replicas = Replicas(ports, models, scratch)
            await outages.admitted(_work(options, config, ports, replicas, stop=stop, ready=ready))
    finally:
        if watch:
            watch.cancel()
        await models.close()
        await ports.close()
        metrics.close()


def _credentials(settings: Settings) -> FoundCredentials:
    """Of a worker that shares no state folder: what is mounted into its pod, else files beside whoever started it."""
    if settings.pod:
        return FoundCredentials()
    return FoundCredentials(state=StateFolder.locate(None, cwd=Path.cwd(), environment=os.environ).path)


async def _work(
    options: WorkerOptions,
    config: WorkerConfig | None,
    ports: WorkPorts,
    replicas: Replicas,
    *,
    stop: asyncio.Event,
    ready: Callable[[], None],
) -> None:
    """As what the file says, or as what is published of the agent."""
    if config is not None:
        worker_id = options.worker_id or f"{config.agent}-{uuid.uuid4().hex[:8]}"
        with bound(namespace=config.namespace, agent=config.agent, worker=worker_id):
            await replicas.run(config, worker_id, stop, ready)
    elif options.agent is not None:
        worker_id = options.worker_id or f"{options.agent.name}-{uuid.uuid4().hex[:8]}"
        with bound(namespace=options.agent.namespace, agent=options.agent.name, worker=worker_id):
            objects = ports.objects(bucket_name(options.agent.namespace))
            await follow_published(
                objects,
                options.agent,
                replicas.run,
                journal=ports.journal,
                sessions=ports.sessions,
                worker_id=worker_id,
                stop=stop,
                ready=ready,
            )


@contextlib.contextmanager
def _scratch(state: StateFolder | None) -> Iterator[Path]:
    if state is not None:
        yield state.scratch
        return
    with tempfile.TemporaryDirectory(prefix="aios-worker-") as folder:
        yield Path(folder)


def _metrics(settings: Settings, ready: Callable[[], bool]) -> MetricsServer:
    return open_metrics("worker", port=settings.metrics_port, address=settings.metrics_address, ready=ready)


def _read(path: Path) -> WorkerConfig:
    try:
        return WorkerConfig.model_validate_json(path.read_bytes())
    except OSError as error:
        raise EnvironmentProblemError(f"cannot read {path}: {error.strerror}") from error
    except ValidationError as error:
        raise InvalidSpecError(f"{path} is no worker configuration: {error}") from error
