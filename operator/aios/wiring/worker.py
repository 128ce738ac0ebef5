"""One worker: what `aios up` starts in its own process, and what `aios worker` runs in a process of its own."""

import asyncio
import contextlib
import logging
import os
import signal
import sys
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from aios import __version__
from aios.adapters.scripted import ScriptedModel
from aios.agents.ports import AgentPorts
from aios.desired.nouns import WorkerConfig, WorkerModel
from aios.embedded.state_folder import StateFolder
from aios.errors import EnvironmentProblemError, InvalidSpecError
from aios.naming import bucket_name
from aios.ports.chat_model import ChatModel
from aios.settings import Settings
from aios.telemetry import bound, configure_logs, serve_metrics
from aios.wiring.isolated import READY, outlive_not
from aios.wiring.ports import Instrument, LaptopPorts, as_they_are, open_ports
from aios.workspace.turns import Turns

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class WorkerOptions:
    """What the command line says. `parent`: the process to live no longer than; 0: none."""

    config: Path
    state: Path | None = None
    worker_id: str = ""
    parent: int = 0
    verbose: bool = False


def chat_models(instrument: Instrument = as_they_are) -> Callable[[WorkerModel], ChatModel]:
    """How a worker gets the model a configuration names: the one list of providers."""

    def chat(model: WorkerModel) -> ChatModel:
        scripted: ChatModel = ScriptedModel(model.name, model.spec.script or ())
        return instrument("chat", scripted)

    return chat


class LaptopWorkers:
    """Runs a configuration's worker over the laptop's ports, in this process."""

    def __init__(self, state: StateFolder, ports: LaptopPorts, instrument: Instrument = as_they_are) -> None:
        self._scratch = state.scratch
        self._ports = ports
        self._chat = chat_models(instrument)
        self._turns = Turns()

    async def run(self, config: WorkerConfig, worker_id: str, stop: asyncio.Event, ready: Callable[[], None]) -> None:
        """A `RunReplica`: until `stop`, then finishes what is in flight."""
        from aios.agents.worker import AgentWorker

        worker = AgentWorker(config, worker_id, self._agent_ports(config), self._chat, scratch=self._scratch)
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
    settings = Settings()
    config = _read(options.config)
    if options.state is None and settings.pod:
        configure_logs(file=None, stderr=True, verbose=options.verbose)
        return asyncio.run(_wait_unready(settings, config))
    if options.state is None:
        raise EnvironmentProblemError(
            f"worker {config.agent} knows no journal, broker and object store: on a laptop `aios up` starts workers "
            "itself, or name its state folder with --state DIR"
        )
    state = StateFolder(options.state)
    configure_logs(
        file=state.path / "logs" / "workers.jsonl", stderr=options.verbose or settings.verbose, verbose=options.verbose
    )
    return asyncio.run(_serve(options, settings, config, state))


async def _wait_unready(settings: Settings, config: WorkerConfig) -> int:
    """A pod whose cluster has no services configured: alive, never ready, until SIGTERM. A crash loop would say less
    and cost more."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    metrics = serve_metrics(
        "worker", __version__, port=settings.metrics_port, address=settings.metrics_address, ready=lambda: False
    )
    try:
        with bound(namespace=config.namespace, agent=config.agent, worker=settings.pod):
            log.warning("waiting: this cluster's journal, broker and object store are not configured (%s)", metrics.url)
            await stop.wait()
    finally:
        metrics.close()
    return os.EX_OK


async def _serve(options: WorkerOptions, settings: Settings, config: WorkerConfig, state: StateFolder) -> int:
    state.open()
    worker_id = options.worker_id or f"{config.agent}-{uuid.uuid4().hex[:8]}"
    stop, is_ready = asyncio.Event(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    metrics = serve_metrics(
        "worker", __version__, port=settings.metrics_port, address=settings.metrics_address, ready=is_ready.is_set
    )
    ports = open_ports(state)

    def ready() -> None:
        is_ready.set()
        # The supervisor may be gone or not care; a worker works all the same.
        with contextlib.suppress(OSError):
            sys.stdout.buffer.write(READY)
            sys.stdout.buffer.flush()

    watch = asyncio.create_task(outlive_not(options.parent)) if options.parent else None
    try:
        with bound(namespace=config.namespace, agent=config.agent, worker=worker_id):
            await LaptopWorkers(state, ports).run(config, worker_id, stop, ready)
    finally:
        if watch:
            watch.cancel()
        await ports.close()
        metrics.close()
    return os.EX_OK


def _read(path: Path) -> WorkerConfig:
    try:
        return WorkerConfig.model_validate_json(path.read_bytes())
    except OSError as error:
        raise EnvironmentProblemError(f"cannot read {path}: {error.strerror}") from error
    except ValidationError as error:
        raise InvalidSpecError(f"{path} is no worker configuration: {error}") from error
