"""An engine over the embedded twins, with workers that answer from a function instead of a model."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from pathlib import Path

from aios.embedded.broker import SqliteBroker
from aios.embedded.journal import SqliteJournal
from aios.embedded.leases import SqliteLeases
from aios.embedded.resources import SqliteResources
from aios.errors import SequenceConflictError
from aios.naming import attempt_lease, attempt_stream, engine_queue, message_id, queue_name, run_stream
from aios.ports.broker import Message
from aios.ports.clock import SystemClock
from aios.ports.journal import Record
from aios.projects.desk import EnginePorts, Neighbours
from aios.projects.engine import Engine
from aios.spec.base import Ref
from aios.spec.project import Project, ProjectSpec, RunStatus
from aios.spec.team import AgentTeam
from aios.spec.vocabulary import ProjectPhase
from aios.tasks.attempt_events import Claimed, Ended
from aios.tasks.run_events import RUN_EVENT, AnyRunEvent, Dispatched, EngineStarted
from tests.projects.building import MODELS, accepted, build_team
from tests.projects.simulation import Answer, succeed

PATIENCE = 60.0
LEASE_SECONDS = 60.0


class Laptop:
    """Everything in one folder; any number of engines and workers may be started and killed on it."""

    def __init__(self, folder: Path) -> None:
        self.journal = SqliteJournal(folder / "journal.db")
        self.broker = SqliteBroker(folder / "broker.db")
        self.resources = SqliteResources(folder / "resources.db")
        self.leases = SqliteLeases(folder / "leases.db")
        self.ports = EnginePorts(self.journal, self.broker, self.resources, self.leases, SystemClock())
        self.team = build_team()
        self.started: list[tuple[str, int]] = []
        self._tasks: list[asyncio.Task[None]] = []

    async def prepare(self, team: AgentTeam | None = None, *, queues: bool = True) -> None:
        self.team = team or self.team
        for resource in (*MODELS, self.team):
            await self.resources.apply(resource)
        if queues:
            await self.broker.ensure_queue(engine_queue("default"))
            for member in self.team.spec.members:
                await self.broker.ensure_queue(queue_name("default", "software", member.name))

    async def apply(self, project: Project) -> Ref:
        """As a user does, and as the operator accepts it."""
        await self.resources.apply(project)
        stored = await self.project(project.ref)
        await self.resources.write_status(project.ref, accepted(stored))
        return project.ref

    async def change(self, ref: Ref, **spec: object) -> None:
        stored = await self.project(ref)
        wanted = ProjectSpec.model_validate({**stored.spec.model_dump(), **spec})
        await self.apply(stored.model_copy(update={"spec": wanted}))

    async def annotate(self, ref: Ref, name: str, value: str) -> None:
        stored = await self.project(ref)
        meta = stored.metadata.model_copy(update={"annotations": {name: value}})
        await self.resources.apply(stored.model_copy(update={"metadata": meta}))

    def start_engine(
        self, name: str = "engine-1", *, neighbours: Neighbours | None = None, **more: int | float
    ) -> tuple[Engine, asyncio.Task[None]]:
        engine = Engine(self.ports, name=name, neighbours=neighbours, **more)  # type: ignore[arg-type]  # numbers by name
        return engine, self._start(engine.run())

    def start_workers(
        self,
        answer: Answer = succeed,
        *,
        held: Mapping[str, asyncio.Event] | None = None,
        ring: bool = True,
        let_go: bool = True,
    ) -> None:
        """`held`: tasks that are worked on until the event is set; `ring`: whether workers tell of an attempt's end;
        `let_go`: whether they release its lease then."""
        for member in self.team.spec.members:
            self._start(self._work(member.name, lambda key: self._attempt(key, answer, held or {}, ring, let_go)))

    def _start(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        task = asyncio.ensure_future(work)
        self._tasks.append(task)
        return task

    async def _work(
        self, member: str, attempted: Callable[[tuple[str, str, int]], Coroutine[None, None, None]]
    ) -> None:
        async with self.broker.consume(queue_name("default", "software", member)) as consumer:
            while True:
                delivery = await consumer.receive()
                if delivery is None:
                    continue
                body = delivery.message.body
                run, task, attempt = str(body["run"]), str(body["task"]), int(body["attempt"])
                [stored] = await self.journal.read(run_stream(run), after=int(body["seq"]) - 1, limit=1)
                dispatched = RUN_EVENT.validate_python(stored.data)
                assert isinstance(dispatched, Dispatched)
                assert (dispatched.task.name, dispatched.attempt, dispatched.member) == (task, attempt, member)
                await delivery.ack()
                self._start(attempted((run, task, attempt)))

    async def _attempt(
        self, key: tuple[str, str, int], answer: Answer, held: Mapping[str, asyncio.Event], ring: bool, let_go: bool
    ) -> None:
        run, task, attempt = key
        lease, holder = attempt_lease(run, task, attempt), f"w-{task}-{attempt}"
        stream = attempt_stream(run, task, attempt)
        if not await self.leases.acquire(lease, holder, ttl=LEASE_SECONDS) or await self.journal.head(stream):
            return
        self.started.append((task, attempt))
        with contextlib.suppress(SequenceConflictError):  # fenced: the engine cancelled it
            await self.append(stream, 0, Claimed(epoch=1, worker=holder))
            if task in held:
                await held[task].wait()
            await self.append(stream, 1, Ended(result=answer(task, attempt)))
            if ring:
                await self.ring(run, task, attempt)
        if let_go:
            await self.leases.release(lease, holder)

    async def append(self, stream: str, after: int, event: Claimed | Ended) -> None:
        await self.journal.append(stream, after, [Record(event.model_dump(mode="json", by_alias=True))])

    async def ring(self, run: str, task: str, attempt: int) -> None:
        bell = Message(
            message_id(run, task, attempt, "ended"), {"run": run, "task": task, "attempt": attempt, "seq": 0}
        )
        await self.broker.publish(engine_queue("default"), bell)

    async def project(self, ref: Ref) -> Project:
        found = await self.resources.get(ref)
        assert isinstance(found, Project)
        return found

    async def events(self, run: str) -> list[AnyRunEvent]:
        return [RUN_EVENT.validate_python(stored.data) for stored in await self.journal.read(run_stream(run))]

    async def until(self, ref: Ref, holds: Callable[[RunStatus], bool]) -> RunStatus:
        """The status once it is so; fails with the last one seen."""
        last = RunStatus()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE):
                while True:
                    last = (await self.project(ref)).status.run
                    if holds(last):
                        return last
                    await asyncio.sleep(0.01)
        raise AssertionError(f"not within {PATIENCE} s: {last}")

    async def eventually(self, holds: Callable[[], Awaitable[bool]]) -> None:
        """Return once the journal makes it so."""
        async with asyncio.timeout(PATIENCE):
            while not await holds():
                await self.journal.changed(0.05)

    async def ended(self, ref: Ref) -> RunStatus:
        run = (await self.project(ref)).run_id
        return await self.until(ref, lambda status: status.id == run and status.phase.ended)

    async def driven_by(self, ref: Ref, engine: str) -> None:
        """Wait until the engine has taken the run."""
        run = (await self.project(ref)).run_id

        async def taken() -> bool:
            return any(isinstance(event, EngineStarted) and event.engine == engine for event in await self.events(run))

        await self.eventually(taken)

    async def claimed(self, ref: Ref, task: str) -> None:
        """Wait until a worker has claimed the task's first attempt."""
        stream = attempt_stream((await self.project(ref)).run_id, task, 1)

        async def is_claimed() -> bool:
            return await self.journal.head(stream) > 0

        await self.eventually(is_claimed)

    async def running(self, ref: Ref) -> RunStatus:
        return await self.until(ref, lambda status: status.phase is ProjectPhase.RUNNING)

    async def stop(self, *tasks: asyncio.Task[None]) -> None:
        for task in tasks or self._tasks:
            task.cancel()
        await asyncio.gather(*(tasks or self._tasks), return_exceptions=True)

    async def close(self) -> None:
        await self.stop()
        for port in (self.journal, self.broker, self.resources, self.leases):
            await port.close()


def attempts_of(events: list[object]) -> list[tuple[str, int]]:
    return [(event.task.name, event.attempt) for event in events if isinstance(event, Dispatched)]
