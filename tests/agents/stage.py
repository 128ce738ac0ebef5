"""A run on the laptop's twins with one task dispatched, and workers that play it. What every test here stands on."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from aios.agents.ports import AgentPorts
from aios.agents.timings import Timings
from aios.agents.worker import AgentWorker
from aios.desired.nouns import WorkerConfig, WorkerModel
from aios.embedded.broker import SqliteBroker
from aios.embedded.journal import SqliteJournal
from aios.embedded.knowledge import QdrantKnowledge
from aios.embedded.leases import SqliteLeases
from aios.embedded.object_store import FolderObjects
from aios.embedded.sessions import SqliteSessions
from aios.naming import ENDED_AT, attempt_lease, attempt_stream, engine_queue, queue_name, run_stream, workspace_prefix
from aios.ports.broker import Message
from aios.ports.chat_model import ChatModel, ChatRequest
from aios.ports.journal import Record
from aios.spec.model import ModelSpec, Prices
from aios.spec.team import Limits, Member, Run
from aios.spec.vocabulary import Locality, Privacy, Provider, Tier, Tool
from aios.tasks.attempt_events import ATTEMPT_EVENT, AnyAttemptEvent, Ended, Reply, ToolCall, Usage
from aios.tasks.result import TaskResult
from aios.tasks.run_events import Dispatched, RunStarted
from aios.tasks.task import Task
from aios.workspace.head import CommitIntent
from aios.workspace.store import Workspace

RUN = "default/words/abc123"
QUICK = Timings(
    lease_ttl=0.6,
    lease_renewal=0.1,
    heartbeat_ttl=60.0,
    heartbeat=0.2,
    watch=0.2,
    watch_pause=0.02,
    checkpoint=0.0,
    show_pause=0.02,
    outage=0.02,
)
TASK = Task(name="implement", goal="A word counter.", instructions="Write it.", privacy=Privacy.INTERNAL)
LOCAL = ModelSpec(provider=Provider.SCRIPTED, locality=Locality.LOCAL)
CLOUD = ModelSpec(
    provider=Provider.SCRIPTED,
    locality=Locality.CLOUD,
    prices=Prices(input_per_m_tok="3.00", output_per_m_tok="15.00"),
)
DEVELOPER = Member(
    name="developer",
    tier=Tier.EXECUTION,
    models=("local",),
    prompt="You write {{ inputs.language | default('Python') }}.",
    tools=(Tool.FILES, Tool.MESSAGES),
    run=Run(allow=("python3",)),
)


def call(name: str, **args: object) -> ToolCall:
    """A tool call; the gate gives it its id."""
    return ToolCall(id="", name=name, args=args)


def reply(text: str = "", *calls: ToolCall) -> Reply:
    return Reply(text=text, tool_calls=calls, usage=Usage(input_tokens=100, output_tokens=10), model="fake")


WRITE = reply("I write it.", call("write_file", path="count.py", content="def count(t):\n    return len(t.split())\n"))
DONE = reply("It is done.")


async def _nothing(_: ChatRequest) -> None:
    """What happens while a model thinks, unless a test says otherwise."""


@dataclass
class FakeModel:
    """Answers by turn and keeps the till receipt: every request that reached the provider."""

    replies: Sequence[Reply | Exception]
    during: Callable[[ChatRequest], Awaitable[None]] = _nothing
    asked: list[ChatRequest] = field(default_factory=list)

    async def chat(self, request: ChatRequest) -> Reply:
        self.asked.append(request)
        await self.during(request)
        answer = self.replies[int(request.labels["turn"])]
        if isinstance(answer, Exception):
            raise answer
        return answer

    @property
    def keys(self) -> list[str]:
        return [request.key for request in self.asked]


@dataclass
class Stage:
    """The twins in one folder."""

    place: Path
    ports: AgentPorts
    broker: SqliteBroker
    member: Member = DEVELOPER
    limits: Limits = field(default_factory=Limits)
    models: dict[str, ModelSpec] = field(default_factory=lambda: {"local": LOCAL, "strong": CLOUD})

    @property
    def config(self) -> WorkerConfig:
        return WorkerConfig(
            namespace="default",
            team="software",
            member=self.member,
            models=tuple(WorkerModel(name=name, spec=spec) for name, spec in self.models.items()),
            limits=self.limits,
        )

    @property
    def workspace(self) -> Workspace:
        return Workspace(self.ports.objects, workspace_prefix("default", "words"))

    async def dispatch(self, task: Task = TASK, *, attempt: int = 1, model: str = "local", feedback: str = "") -> None:
        """What the engine does: journal, then ring."""
        stream, journal = run_stream(RUN), self.ports.journal
        at = await journal.head(stream)
        started = RunStarted(
            run=RUN,
            namespace="default",
            project="words",
            team="software",
            goal=task.goal,
            members=("architect", "developer", "tester"),
        )
        dispatched = Dispatched(
            task=task, attempt=attempt, member=self.member.name, model=model, reason="test", feedback=feedback
        )
        records = [
            Record(data=event.model_dump(mode="json", by_alias=True))
            for event in ([dispatched] if at else [started, dispatched])
        ]
        seq = await journal.append(stream, at, records)
        await self.ring(task, attempt=attempt, seq=seq)

    async def ring(self, task: Task = TASK, *, attempt: int = 1, seq: int = 2) -> None:
        queue = queue_name("default", "software", self.member.name)
        await self.broker.ensure_queue(queue)
        await self.broker.ensure_queue(engine_queue("default"))
        body: dict[str, str | int] = {"run": RUN, "task": task.name, "attempt": attempt, "seq": seq}
        await self.broker.publish(queue, Message(f"dispatch:{RUN}/{task.name}/{attempt}", body))

    async def until(self, true: Callable[[], Awaitable[bool]]) -> None:
        """Wait for what a worker is about to do; fails the test after a minute."""
        async with asyncio.timeout(60):
            while not await true():
                await self.ports.journal.changed(0.02)

    async def idle(self, task: Task = TASK, *, attempt: int = 1) -> None:
        """Wait until nobody leases the attempt."""
        name = attempt_lease(RUN, task.name, attempt)

        async def free() -> bool:
            return await self.ports.leases.holder(name) is None

        await self.until(free)

    async def taken(self) -> None:
        """Wait until every doorbell was taken from the member's queue."""
        queue = queue_name("default", "software", self.member.name)

        async def empty() -> bool:
            return (await self.broker.queues())[queue] == 0

        await self.until(empty)

    async def recorded(self, kind: str) -> None:
        """Wait until a record of this kind is in the attempt's stream."""

        async def there() -> bool:
            return kind in await self.kinds()

        await self.until(there)

    def worker(
        self, chat: ChatModel, name: str = "w1", *, ports: AgentPorts | None = None, scratch: str = "scratch"
    ) -> AgentWorker:
        return AgentWorker(
            self.config,
            name,
            ports or self.ports,
            lambda _: chat,
            scratch=self.place / scratch,
            timings=QUICK,
        )

    async def play(self, chat: ChatModel, name: str = "w1", *, task: Task = TASK, attempt: int = 1) -> TaskResult:
        """Let a worker serve until the attempt has ended and the engine was told."""
        async with self.running(self.worker(chat, name)):
            return await self.ended(task, attempt=attempt)

    @contextlib.asynccontextmanager
    async def running(self, worker: AgentWorker) -> AsyncIterator[asyncio.Event]:
        """A worker that serves meanwhile; yields its stop."""
        stop = asyncio.Event()
        serving = asyncio.create_task(worker.run(stop))
        try:
            yield stop
        finally:
            stop.set()
            await asyncio.wait_for(serving, 30)

    async def ended(self, task: Task = TASK, *, attempt: int = 1) -> TaskResult:
        """Wait for the doorbell at the engine's queue, then read the result where the truth is."""
        async with self.broker.consume(engine_queue("default")) as consumer:
            delivery = await consumer.receive(60)
            assert delivery is not None, f"no doorbell; the record: {await self.kinds(task, attempt=attempt)}"
            assert delivery.message.body["task"] == task.name
            await delivery.ack()
        events = await self.events(task, attempt=attempt)
        last = events[-1]
        assert isinstance(last, Ended)
        assert delivery.message.body[ENDED_AT] == len(events), "the bell says where the result stands"
        return last.result

    async def events(self, task: Task = TASK, *, attempt: int = 1) -> list[AnyAttemptEvent]:
        stored = await self.ports.journal.read(attempt_stream(RUN, task.name, attempt))
        return [ATTEMPT_EVENT.validate_python(record.data) for record in stored]

    async def kinds(self, task: Task = TASK, *, attempt: int = 1) -> list[str]:
        return [event.kind for event in await self.events(task, attempt=attempt)]

    async def files(self) -> dict[str, str]:
        """What HEAD holds."""
        manifest = await self.workspace.manifest((await self.workspace.head()).manifest)
        return {path: (await self.workspace.read(entry)).decode() for path, entry in sorted(manifest.files.items())}

    async def put(self, files: Mapping[str, str], label: Privacy = Privacy.INTERNAL) -> None:
        """Commit files under `label`, as an earlier task would have."""
        folder = self.place / "seed"
        head = await self.workspace.head()
        base = await self.workspace.manifest(head.manifest)
        await self.workspace.checkout(base, folder)
        for name, text in files.items():
            (folder / name).write_text(text)
        mine = await self.workspace.snapshot(folder, base=base, label=label)
        await self.workspace.commit(
            CommitIntent(f"seed-{mine.digest}", "seed", head.manifest, mine.digest, "test", "seed")
        )


@contextlib.asynccontextmanager
async def staged(place: Path) -> AsyncIterator[Stage]:
    """Open the twins, and close them in the end."""
    broker = SqliteBroker(place / "broker.db")
    journal, sessions = SqliteJournal(place / "journal.db"), SqliteSessions(place / "sessions.db")
    leases, knowledge = SqliteLeases(place / "leases.db"), QdrantKnowledge(place / "knowledge")
    ports = AgentPorts(journal, broker, FolderObjects(place / "bucket"), sessions, leases, knowledge)
    try:
        yield Stage(place, ports, broker)
    finally:
        for port in (broker, journal, sessions, leases, knowledge):
            await port.close()
