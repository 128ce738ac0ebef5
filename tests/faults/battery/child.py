"""An engine or a worker as a process of the battery: the product's own, plus an aim, unruly deliveries, a wrong clock.

Started by a fork server that has everything imported: a process that is killed a thousand times must start quickly.
"""

import asyncio
import os
import random
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TypeVar, cast
from unittest.mock import patch

from aios.adapters.scripted import LEDGER
from aios.agents.ports import AgentPorts
from aios.agents.timings import Timings
from aios.agents.worker import AgentWorker
from aios.desired.nouns import WorkerConfig
from aios.embedded.state_folder import StateFolder
from aios.naming import bucket_name
from aios.ports.broker import Broker
from aios.telemetry import configure_logs
from aios.wiring import laptop
from aios.wiring.chat_models import ChatModels
from aios.wiring.credentials import FoundCredentials
from aios.wiring.isolated import die_with_parent
from aios.wiring.laptop import Workers
from aios.wiring.ports import open_work_ports
from aios.wiring.published import AgentName, follow_published
from aios.wiring.services import Services
from aios.wiring.stated import Sources
from aios.wiring.up import UpOptions, up
from aios.workspace.turns import Turns
from tests.faults.battery.aiming import Aim
from tests.faults.battery.workload import TEAM
from tests.faults.child import Nobody
from tests.faults.wild_clock import JumpingClock, WrongClock
from tests.twins.unruly_broker import UnrulyBroker

P = TypeVar("P")
TIMINGS = Timings(lease_ttl=3.0, lease_renewal=1.0, heartbeat_ttl=4.0, heartbeat=1.0, outage=0.5)
"""Half of the product's: what a kill costs is mostly waiting for a lease to expire."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where one child works. `services` are the URLs it uses; `seed` shuffles its deliveries."""

    folder: Path
    services: Services
    slot: str
    seed: int
    skew: timedelta = timedelta()
    """How wrong its wall clock is."""

    @property
    def state(self) -> StateFolder:
        return StateFolder(self.folder / ".aios")

    @property
    def aim(self) -> Path:
        return self.folder / f"{self.slot}.aim"

    @property
    def log(self) -> Path:
        return self.folder / f"{self.slot}.log"


def engine(place: Place, yaml: Path) -> None:
    """Until every project has ended; its wall clock is set to and fro meanwhile."""
    _begin(place)
    sources = Sources((str(yaml),))
    options = UpOptions(
        state=place.state, sources=sources, once=True, services=place.services, workers=Workers.ELSEWHERE
    )
    with patch.object(laptop, "SystemClock", JumpingClock):
        asyncio.run(up(options, Nobody(), asyncio.Event(), instrument=_instrument(place)))


def worker(place: Place, member: str) -> None:
    """One replica of the member, until it is killed."""
    _begin(place)
    asyncio.run(_worker(place, member))


async def _worker(place: Place, member: str) -> None:
    agent = AgentName("default", f"{TEAM}-{member}")
    instrument = _instrument(place)
    place.state.open()
    ports = open_work_ports(place.state, place.services, instrument)
    models = ChatModels(FoundCredentials(state=place.state.path), instrument)
    objects, turns, clock = ports.objects(bucket_name(agent.namespace)), Turns(), WrongClock(place.skew)

    async def run(config: WorkerConfig, worker_id: str, stop: asyncio.Event, ready: Callable[[], None]) -> None:
        means = AgentPorts(
            journal=ports.journal,
            broker=ports.broker,
            objects=objects,
            sessions=ports.sessions,
            leases=ports.leases,
            knowledge=ports.knowledge,
            turns=turns,
        )
        chat, scratch = models.of(config.namespace), place.state.scratch
        replica = AgentWorker(config, worker_id, means, chat, scratch=scratch, clock=clock, timings=TIMINGS)
        await replica.run(stop, ready)

    worker_id, never = f"{place.slot}-{os.getpid()}", asyncio.Event()
    await follow_published(
        objects,
        agent,
        run,
        journal=ports.journal,
        sessions=ports.sessions,
        worker_id=worker_id,
        stop=never,
        ready=lambda: None,
    )


def _begin(place: Place) -> None:
    die_with_parent(os.getppid())
    with place.log.open("ab") as log:
        os.dup2(log.fileno(), sys.stdout.fileno())
        os.dup2(log.fileno(), sys.stderr.fileno())
    os.environ[LEDGER] = str(place.folder / "ledger.jsonl")
    configure_logs(file=place.folder / f"{place.slot}.jsonl", stderr=False, verbose=False)


def _instrument(place: Place) -> Callable[[str, P], P]:
    aim, dice = Aim(place.aim), random.Random(place.seed)

    def instrument(name: str, port: P, /) -> P:
        watched = aim.instrument(name, port)
        return cast("P", UnrulyBroker(cast("Broker", watched), dice)) if name == "broker" else watched

    return instrument
