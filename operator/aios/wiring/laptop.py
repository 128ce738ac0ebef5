"""Reconciler and engine in one process over one state folder, and, unless workers run elsewhere, the workers too.

Whoever holds the folder's lock runs this; nobody else does, so what it ran before is dead, and what that left in the
folder is removed, unless a worker that is a process of its own is at work in it. Such workers live on, and what real
services hold is shared with others: there leases and heartbeats expire by themselves.
"""

import asyncio
import contextlib
import logging
import os
import time
import uuid
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from dataclasses import replace
from enum import Enum
from functools import partial
from pathlib import Path
from threading import Thread
from typing import Any

from aios.adapters.published.workloads import PublishedWorkloads
from aios.agents.worker import preload
from aios.cancellation import heed_cancellation
from aios.embedded.sessions import SqliteSessions
from aios.embedded.state_folder import StateFolder
from aios.embedded.workloads import EmbeddedWorkloads, RunReplica
from aios.errors import EnvironmentProblemError, ServiceUnavailableError
from aios.naming import MODEL_STATES, WORKER_SESSIONS, engine_queue
from aios.ports.clock import Clock, SystemClock
from aios.ports.workloads import Workloads
from aios.projects.activity import ActivityLedger
from aios.projects.desk import EnginePorts
from aios.projects.engine import Engine
from aios.projects.holders import HELD, Holders, Installation
from aios.reconcile.activity import session_activity
from aios.reconcile.reconciler import RECONCILED_KINDS, Reconciler
from aios.reconcile.workqueue import Pace, WorkQueue
from aios.reconcile.world import World
from aios.spec.agent import Agent
from aios.spec.base import Kind, Ref
from aios.spec.vocabulary import AgentPhase
from aios.wiring.chat_models import ChatModels
from aios.wiring.cleanup import letting_go, project_cleanup, remembered_alone
from aios.wiring.credentials import FoundCredentials
from aios.wiring.declaring import Names
from aios.wiring.departures import Departures, Told, to_log
from aios.wiring.instrument import Instrument, as_they_are
from aios.wiring.isolated import ProcessReplica
from aios.wiring.journal_identity import made_identity
from aios.wiring.patience import until_served
from aios.wiring.ports import LaptopPorts, open_ports
from aios.wiring.services import Services
from aios.wiring.worker import Replicas
from aios.workspace.removal import remove

log = logging.getLogger(__name__)

LOOK_SECONDS = 0.1
LEAVE_SECONDS = 1.0
"""What was cancelled at the end has so long to put away its leases and heartbeats, which expire by themselves."""
LINGER_SECONDS = 1.5
"""Workers of a process that was killed live so long: where the kernel does not end them they look once a second."""
WORKERS_LIVE = (
    "workers of this state folder still run, so nothing in it is cleared away: what others held in it is free again "
    "within seconds"
)
PACE = Pace(workers=4, longest_delay=30.0, resync=60.0)


class Workers(Enum):
    """Who works."""

    HERE = "tasks of this process"
    ISOLATED = "processes that this one starts"
    ELSEWHERE = "whoever runs `aios worker`"


class Laptop:
    """The running system. Make it with `laptop`."""

    def __init__(
        self,
        state: StateFolder,
        ports: LaptopPorts,
        *,
        workers: Workers,
        instrument: Instrument,
        clock: Clock,
        names: Names | None,
        remembers_alone: bool,
        deleted: Told = to_log,
    ) -> None:
        """`names`: where other installations may use the same services; `remembers_alone`: whether no other uses the
        memory; `deleted` is told what became of what was."""
        forgets = names is not None or remembers_alone
        self.departures = Departures(ports.journal, names, deleted, forgets=forgets)
        may_forget = remembered_alone(names, alone=remembers_alone)
        self.state, self.ports, self.clock, self.names = state, ports, clock, names
        self._workers = workers
        self._preload: Thread | None = None
        self._buried = asyncio.Event()
        self._models = ChatModels(FoundCredentials(resources=ports.resources, state=state.path), instrument)
        replicas = Replicas(ports, self._models, state.scratch)
        run: RunReplica = ProcessReplica(state.path).run if workers is Workers.ISOLATED else replicas.run
        self._embedded = EmbeddedWorkloads(run, changed=self._replica_changed)
        workloads: Workloads = self._embedded
        if workers is Workers.ELSEWHERE:
            workloads = PublishedWorkloads(ports.objects, ports.sessions, partial(made_identity, ports.journal))
        ledger = ActivityLedger(ports.journal)
        self._engine = Engine(
            EnginePorts(
                journal=ports.journal,
                broker=ports.broker,
                resources=ports.resources,
                leases=ports.leases,
                clock=clock,
            ),
            name=f"laptop-{os.getpid()}-{uuid.uuid4().hex[:6]}",
            neighbours=names,
        )
        self._reconciler = Reconciler(
            World(
                resources=ports.resources,
                workloads=instrument("workloads", workloads),
                clock=clock,
                broker_admin=ports.broker_admin,
                bucket_admin=ports.bucket_admin,
                activity=session_activity(ports.sessions, ledger.read),
                cleanup=project_cleanup(self._engine, ports.bucket_admin, names, told=self.departures.cleaned),
                elsewhere=names.elsewhere if names else None,
                let_go=letting_go(ports.knowledge, names, may_forget=may_forget, told=deleted),
                services_ready=True,
            )
        )
        self._queue: WorkQueue[Ref] = WorkQueue(self._reconciler.reconcile, clock, PACE)

    def warm_up(self) -> None:
        """Load what the first task needs (a second of imports) while everything else starts."""
        if self._workers is Workers.HERE and self._preload is None:
            self._preload = Thread(target=preload, name="preload", daemon=True)
            self._preload.start()

    async def settle(self, patience: float) -> None:
        """Have every status say how things stand now; return when that is done, or after `patience` seconds."""
        self._queue.add_all(await self._reconciler.everything())
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(patience):
                await self._queue.settled()

    async def run(self) -> None:
        """Reconcile and drive projects until cancelled. A service that is away is waited for."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._queue.run(self._reconciler.everything), name="reconcile")
            group.create_task(self._watch(), name="watch resources")
            group.create_task(self._bury(), name="bury")
            group.create_task(self._engine.run(), name="engine")

    async def prepare(self) -> None:
        """What must be there before anything is read."""
        await until_served(self.ports.prepare, "make the journal's bucket", self.clock)

    async def buried(self, patience: float) -> None:
        """Return when what was deleted while nobody ran is cleaned up, or after `patience` seconds."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(patience):
                await self._buried.wait()
                while any(one.metadata.deletion_timestamp for one in await self.ports.resources.list(Kind.PROJECT)):
                    await self.clock.sleep(LOOK_SECONDS)

    async def _bury(self) -> None:
        """What was deleted while nobody ran: teams leave queues behind, and names are to be let go."""
        for ref in await until_served(self._left, "look what was left behind", self.clock):
            await self._see_gone(ref)
        await self._queue.settled()
        self._buried.set()

    async def _left(self) -> Sequence[Ref]:
        """What was let go before may be another installation's by now."""
        gone = await self.ports.gone()
        if self.names is None:
            return [ref for ref in gone if ref.kind is Kind.TEAM]
        return await self.names.ours_of([ref for ref in gone if ref.kind in HELD])

    async def _see_gone(self, ref: Ref) -> None:
        if ref.kind in RECONCILED_KINDS:
            self._queue.add(ref)
        elif self.names is not None:
            await until_served(partial(self.names.let_go, ref), f"let go of {ref}", self.clock)

    async def _watch(self) -> None:
        heard: set[str] = set()
        seen: set[Ref] = set()
        async for ref in self.ports.resources.changes():
            if ref.namespace not in heard:
                # The engine listens here, and workers ring here, before any team of theirs was reconciled.
                queue = engine_queue(ref.namespace)
                await until_served(partial(self.ports.broker_admin.ensure_queue, queue), f"make {queue}", self.clock)
                heard.add(ref.namespace)
            if ref.kind in HELD and await self.ports.resources.get(ref) is not None:
                seen.add(ref)
            elif ref.kind in HELD:
                if ref in seen:  # a long list of what there is may end with what was deleted long ago
                    seen.discard(ref)
                    await self.departures.gone(ref)
                await self._see_gone(ref)
            self._queue.add_all(self._reconciler.affected(ref))
            heed_cancellation()

    def _replica_changed(self, namespace: str, agent: str) -> None:
        self._queue.add(Ref(Kind.AGENT, namespace, agent))

    async def drain(self, grace: float) -> None:
        """Once `run` is cancelled: let workers finish what they have, at most `grace` seconds."""
        await _left_to_expire(self._embedded.drain(grace), grace + LEAVE_SECONDS)

    async def close(self) -> None:
        """End every replica now."""
        await _left_to_expire(self._embedded.close(), LEAVE_SECONDS)
        if self._workers is not Workers.ELSEWHERE:
            await self._rest()
        await self._models.close()
        if self._preload is not None:
            # An interpreter that ends while a thread imports C extensions may never end.
            await asyncio.to_thread(self._preload.join)

    async def _rest(self) -> None:
        """Leave no Agent's status saying that it works: the replicas whose heartbeats said so have ended."""
        for agent in await self.ports.resources.list(Kind.AGENT):
            if isinstance(agent, Agent) and agent.status.phase is AgentPhase.WORKING:
                resting = agent.status.model_copy(update={"phase": AgentPhase.IDLE, "busy": 0})
                await self.ports.resources.write_status(agent.ref, resting)


@contextlib.asynccontextmanager
async def laptop(
    state: StateFolder,
    *,
    services: Services | None = None,
    workers: Workers = Workers.HERE,
    instrument: Instrument = as_they_are,
    clock: Clock | None = None,
    takes_over: str = "",
    deleted: Told = to_log,
    waiting: Callable[[str], None] = log.warning,
) -> AsyncIterator[Laptop]:
    """Take the state folder and open its ports; nothing runs before `Laptop.run`. `takes_over`: the command that ends
    the hold of an installation that is gone. `waiting` is told, in a sentence, what there is to wait for.

    Raises EnvironmentProblemError when another process drives the folder.
    """
    with state.drive():
        if workers is not Workers.ELSEWHERE:
            await _forget_unless_shared(state, waiting)
        ports = open_ports(state, services or Services(), instrument)
        running = Laptop(
            state,
            ports,
            workers=workers,
            instrument=instrument,
            clock=clock or SystemClock(),
            names=names_of(state, ports, takes_over=takes_over) if services and services.journal else None,
            remembers_alone=not (services and services.knowledge),
            deleted=deleted,
        )
        try:
            yield running
        finally:
            await running.close()
            await ports.close()


async def _left_to_expire(work: Coroutine[Any, Any, None], patience: float) -> None:
    try:
        async with asyncio.timeout(patience):
            await work
    except TimeoutError:
        log.warning("the end does not wait for services that do not answer: leases and heartbeats there will expire")


def names_of(state: StateFolder, ports: LaptopPorts, *, looking: bool = False, takes_over: str = "") -> Names:
    """What a state folder calls its own on shared services; `looking`: without writing anything; `takes_over`: the
    command that ends another's hold."""
    me = Installation.of_folder(state.identity(make=not looking), state.path)
    holders = Holders(ports.journal, replace(me, takes_over=f"`{takes_over}`") if takes_over else me)

    async def known() -> Holders:
        return holders

    return Names(known, ports.journal, ports.resources)


async def _forget_unless_shared(state: StateFolder, waiting: Callable[[str], None]) -> None:
    until = time.monotonic() + LINGER_SECONDS
    while True:
        with state.deserted() as deserted:
            if deserted:
                await forget_the_dead(state)
                return
        if time.monotonic() > until:
            waiting(WORKERS_LIVE)
            return
        await asyncio.sleep(LOOK_SECONDS)


async def forget_the_dead(state: StateFolder) -> None:
    """Leases and heartbeats of former workers: they all died with the process that held the lock, so their tasks
    need not wait for the leases to expire. Their working copies go too: they may hold what later tasks must not see,
    and are made anew from the record. What caches hold is as good as before. Only for the lock's holder, before any
    port is open, while the folder is deserted: under a worker that lives another would claim what it is at."""
    with contextlib.suppress(OSError):  # what cannot go now is never used again
        remove(state.scratch)
    _remove(state.leases)
    try:
        await _forget_sessions(state.sessions)
    except (EnvironmentProblemError, ServiceUnavailableError) as error:  # damaged, or its disk is full
        log.info("begins with empty caches: %s", error)
        _remove(state.sessions)


async def _forget_sessions(database: Path) -> None:
    if not await asyncio.to_thread(database.exists):
        return
    sessions = SqliteSessions(database)
    try:
        for prefix in (WORKER_SESSIONS, MODEL_STATES):
            for key in await sessions.scan(prefix):
                await sessions.delete(key)
    finally:
        await sessions.close()


def _remove(database: Path) -> None:
    for file in (database, *(Path(f"{database}{suffix}") for suffix in ("-wal", "-shm"))):
        file.unlink(missing_ok=True)
