"""Workloads on a laptop: every replica is a supervised asyncio task, or an operating-system process of its own.

What a replica is, is given as a callable, so this file knows supervision and nothing of agents: start, start again
with back-off after a crash, replace on a changed configuration without cancelling what is in flight, drain, stop.
Nothing here survives the process: whoever starts next begins with no replica, and the truth stands in the journal.
"""

import asyncio
import contextlib
import logging
import random
import uuid
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

from aios.cancellation import cancelled, heed_cancellation
from aios.desired.nouns import Worker, WorkerConfig
from aios.ports.workloads import ObservedWorker
from aios.spec.vocabulary import seconds
from aios.telemetry import WORKERS, bound

log = logging.getLogger(__name__)

FIRST_BACKOFF = 0.2
LONGEST_BACKOFF = 30.0
STABLE_SECONDS = 10.0
"""A replica that ran this long before it crashed starts its back-off anew."""

RunReplica = Callable[[WorkerConfig, str, asyncio.Event, Callable[[], None]], Awaitable[None]]
"""`run(config, worker_id, stop, ready)`: call `ready()` once it takes work; when `stop` is set finish what is in
flight and return; raising, or returning before `stop`, is a crash."""


@dataclass(slots=True, eq=False)
class _Replica:
    """One place in an agent's ranks; it outlives the crashes of what runs in it."""

    config: WorkerConfig
    changed: Callable[[], None]
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    task: asyncio.Task[None] | None = None
    is_ready: bool = False
    failure: str = ""

    def ready(self) -> None:
        self.is_ready = True
        self.failure = ""
        self.changed()


@dataclass(slots=True)
class _Agent:
    """An agent's replicas: those that serve, and those that finish what they have and go."""

    config: WorkerConfig
    serving: list[_Replica] = field(default_factory=list)
    draining: set[_Replica] = field(default_factory=set)


class EmbeddedWorkloads:
    """The twin of Deployments. Lives in one event loop; close it to end every replica."""

    def __init__(
        self,
        run: RunReplica,
        *,
        changed: Callable[[str, str], None] = lambda namespace, agent: None,
        first_backoff: float = FIRST_BACKOFF,
    ) -> None:
        """`changed(namespace, agent)` is called when what `observe` says of an agent may have changed by itself."""
        self._run, self._changed = run, changed
        self._first_backoff = first_backoff
        self._agents: dict[tuple[str, str], _Agent] = {}
        self._janitors: set[asyncio.Task[None]] = set()
        self._closed = False

    async def apply(self, worker: Worker) -> None:
        """Make the agent's replicas what `worker` says: no change when they are, and none after `drain`."""
        if self._closed:
            return
        agent = self._agents.setdefault((worker.namespace, worker.agent), _Agent(worker.config))
        if agent.config.digest != worker.config.digest:
            agent.config = worker.config
            old, agent.serving = agent.serving, []
            self._fill(agent, worker.replicas)
            self._drain(agent, old)
        else:
            surplus = agent.serving[worker.replicas :]
            del agent.serving[worker.replicas :]
            self._drain(agent, surplus)
            self._fill(agent, worker.replicas)
        self._count(agent)

    async def observe(self, namespace: str, agent: str | None = None) -> Sequence[ObservedWorker]:
        if agent is not None:
            known = self._agents.get((namespace, agent))
            return [_observed(namespace, agent, known)] if known is not None else []
        return [
            _observed(space, name, one) for (space, name), one in sorted(self._agents.items()) if space == namespace
        ]

    async def delete(self, namespace: str, agent: str) -> None:
        known = self._agents.pop((namespace, agent), None)
        if known is None:
            return
        replicas = [*known.serving, *known.draining]
        known.serving = []
        self._count(known)
        await cancelled(*(replica.task for replica in replicas if replica.task))

    async def drain(self, grace: float) -> None:
        """Ask every replica to finish what it has, wait at most `grace` seconds, then end those that have not."""
        self._closed = True
        for agent in self._agents.values():
            self._drain(agent, agent.serving)
            agent.serving = []
        tasks = [r.task for agent in self._agents.values() for r in agent.draining if r.task]
        if tasks:
            await asyncio.wait(tasks, timeout=grace)
        await self.close()

    async def close(self) -> None:
        """End everything now; what was in flight goes on from the journal when the state is opened again."""
        self._closed = True
        for namespace, agent in list(self._agents):
            await self.delete(namespace, agent)
        await cancelled(*self._janitors)

    def _fill(self, agent: _Agent, replicas: int) -> None:
        while len(agent.serving) < replicas:
            replica = _Replica(agent.config, partial(self._changed, agent.config.namespace, agent.config.agent))
            replica.task = asyncio.create_task(self._supervise(replica), name=f"replica {agent.config.agent}")
            agent.serving.append(replica)

    def _drain(self, agent: _Agent, replicas: Sequence[_Replica]) -> None:
        for replica in replicas:
            replica.stop.set()
            agent.draining.add(replica)
            janitor = asyncio.create_task(self._see_off(agent, replica), name=f"drain {agent.config.agent}")
            self._janitors.add(janitor)
            janitor.add_done_callback(self._janitors.discard)

    async def _see_off(self, agent: _Agent, replica: _Replica) -> None:
        """A draining replica may take as long as a task may take, and no longer."""
        if replica.task:
            await asyncio.wait([replica.task], timeout=seconds(replica.config.limits.task_timeout))
            await cancelled(replica.task)
        agent.draining.discard(replica)
        self._count(agent)

    async def _supervise(self, replica: _Replica) -> None:
        """Run it until it is told to stop; after a crash wait, longer each time, and run it again."""
        loop = asyncio.get_running_loop()
        backoff = self._first_backoff
        while not replica.stop.is_set():
            started = loop.time()
            worker_id = f"{replica.config.agent}-{uuid.uuid4().hex[:8]}"
            with bound(namespace=replica.config.namespace, agent=replica.config.agent, worker=worker_id):
                await self._run_once(replica, worker_id)
            heed_cancellation()
            replica.is_ready = False
            replica.changed()
            if replica.stop.is_set():
                return
            if loop.time() - started > STABLE_SECONDS:
                backoff = self._first_backoff
            with contextlib.suppress(TimeoutError):
                # Replicas that crashed together must not come back together.
                async with asyncio.timeout(backoff * random.uniform(0.75, 1.25)):
                    await replica.stop.wait()
            backoff = min(LONGEST_BACKOFF, backoff * 2)

    async def _run_once(self, replica: _Replica, worker_id: str) -> None:
        try:
            await self._run(replica.config, worker_id, replica.stop, replica.ready)
        except Exception as error:  # a crash of whatever kind is what supervision is for: shown, then restarted
            replica.failure = f"{type(error).__name__}: {error}"
            log.warning("replica crashed", exc_info=error)
        else:
            if not replica.stop.is_set():
                replica.failure = "ended without being told to"
                log.warning("replica ended without being told to")

    def _count(self, agent: _Agent) -> None:
        WORKERS.labels(agent=agent.config.agent, state="serving").set(len(agent.serving))
        WORKERS.labels(agent=agent.config.agent, state="draining").set(len(agent.draining))


def _observed(namespace: str, name: str, agent: _Agent) -> ObservedWorker:
    crashed = [replica for replica in agent.serving if replica.failure and not replica.is_ready]
    return ObservedWorker(
        namespace=namespace,
        agent=name,
        replicas=len(agent.serving),
        ready=sum(replica.is_ready for replica in agent.serving),
        config_digest=agent.config.digest,
        reason="CrashLoopBackOff" if crashed else "",
        message=crashed[0].failure if crashed else "",
    )
