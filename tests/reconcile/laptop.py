"""A laptop's world for reconciler tests: real embedded stores, workloads whose state the test decides."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from aios.desired.nouns import Worker
from aios.embedded.broker import SqliteBroker
from aios.embedded.object_store import FolderBuckets
from aios.embedded.resources import SqliteResources
from aios.ports.resources import AnyResource
from aios.ports.workloads import ObservedWorker
from aios.reconcile.activity import AgentActivity
from aios.reconcile.conditions import condition
from aios.reconcile.reconciler import Reconciler
from aios.reconcile.world import World
from aios.spec.agent import Agent
from aios.spec.base import Condition, ConfigMap, Kind, Ref, Secret
from aios.spec.conditions import ConditionType


class TestClock:
    """Time passes when the test says so; a sleeper wakes when its moment has come."""

    __test__ = False

    def __init__(self) -> None:
        self.at = datetime(2026, 1, 1, tzinfo=UTC)

    def monotonic(self) -> float:
        return self.at.timestamp()

    def now(self) -> datetime:
        return self.at

    async def sleep(self, seconds: float) -> None:
        raise AssertionError(f"a reconcile must not sleep, least of all for {seconds} s")

    def advance(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


@dataclass
class TestWorkloads:
    """Remembers what was applied; replicas are ready at once unless the test says otherwise. While `is_slow` nobody
    has taken up what was applied."""

    __test__ = False

    workers: dict[Ref, Worker] = field(default_factory=dict)
    trouble: dict[str, ObservedWorker] = field(default_factory=dict)
    writes: list[str] = field(default_factory=list)
    is_slow: bool = False

    async def apply(self, worker: Worker) -> None:
        ref = Ref(Kind.AGENT, worker.namespace, worker.agent)
        if self.workers.get(ref) != worker:
            self.workers[ref] = worker
            self.writes.append(f"apply {ref}")

    async def observe(self, namespace: str, agent: str | None = None) -> Sequence[ObservedWorker]:
        found = [self._observe(ref, worker) for ref, worker in sorted(self.workers.items())]
        return [worker for worker in found if worker.namespace == namespace and agent in {None, worker.agent}]

    async def delete(self, namespace: str, agent: str) -> None:
        self.writes.append(f"delete {agent}")
        self.workers.pop(Ref(Kind.AGENT, namespace, agent), None)

    def _observe(self, ref: Ref, worker: Worker) -> ObservedWorker:
        if self.is_slow:
            return ObservedWorker(ref.namespace, ref.name, 0, 0, "")
        seen = ObservedWorker(ref.namespace, ref.name, worker.replicas, worker.replicas, worker.config.digest)
        trouble = self.trouble.get(ref.name)
        if trouble is None:
            return seen
        return replace(seen, ready=trouble.ready, reason=trouble.reason, message=trouble.message)


class Laptop:
    """Stores in a folder, a reconciler on them, and what tests ask."""

    def __init__(self, folder: Path) -> None:
        self.clock = TestClock()
        self.resources = SqliteResources(folder / "resources.db", clock=self.clock)
        self.broker = SqliteBroker(folder / "broker.db")
        self.buckets = FolderBuckets(folder / "buckets")
        self.workloads = TestWorkloads()
        self.activities: dict[str, AgentActivity] = {}
        self.world = World(
            resources=self.resources,
            workloads=self.workloads,
            clock=self.clock,
            broker_admin=self.broker,
            bucket_admin=self.buckets,
            activity=self._activity,
        )
        self.reconciler = Reconciler(self.world)

    async def close(self) -> None:
        await self.resources.close()
        await self.broker.close()
        await self.buckets.close()

    def become(self, world: World) -> None:
        """The operator restarts with other surroundings."""
        self.world = world
        self.reconciler = Reconciler(world)

    async def _activity(self, agent: Ref) -> AgentActivity:
        return self.activities.get(agent.name, AgentActivity())

    async def apply(self, *resources: AnyResource) -> None:
        for resource in resources:
            await self.resources.apply(resource)

    async def settle(self) -> None:
        """Reconcile everything until a whole round writes nothing, then once more and insist on it."""
        for _ in range(8):
            before = await self.written()
            await self._round()
            if await self.written() == before:
                break
        self.clock.advance(60)
        before = await self.written()
        await self._round()
        assert await self.written() == before, "a further reconcile wrote something"

    async def _round(self) -> None:
        for key in await self.reconciler.everything():
            await self.reconciler.reconcile(key)

    async def written(self) -> Mapping[str, object]:
        """Everything a write would change: versions, events, workers, queues and buckets."""
        objects = [item for kind in Kind for item in await self.resources.list(kind)]
        versions = {str(item.ref): item.metadata.resource_version for item in objects}
        events = {str(item.ref): await self.resources.events(item.ref) for item in objects}
        topology = (sorted(await self.broker.queues()), list(await self.buckets.buckets()))
        return {"versions": versions, "events": events, "workers": list(self.workloads.writes), "topology": topology}

    async def agents(self) -> list[Agent]:
        return [item for item in await self.resources.list(Kind.AGENT) if isinstance(item, Agent)]

    async def agent(self, name: str) -> Agent:
        found = await self.resources.get(Ref(Kind.AGENT, "default", name))
        assert isinstance(found, Agent)
        return found

    async def condition(self, ref: Ref, kind: ConditionType = ConditionType.READY) -> Condition:
        found = await self.resources.get(ref)
        assert found is not None, f"{ref} does not exist"
        assert not isinstance(found, ConfigMap | Secret), f"{ref} has no status"
        judged = condition(found.status.conditions, kind)
        assert judged is not None, f"{ref} has no condition {kind}"
        return judged
