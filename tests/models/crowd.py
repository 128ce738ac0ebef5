"""Replicas that share a model: gates over one store, a provider that counts, and time that runs fifty times faster."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

from aios.adapters.redis.leases import RedisLeases
from aios.adapters.redis.sessions import RedisSessions
from aios.embedded.journal import SqliteJournal
from aios.embedded.leases import SqliteLeases
from aios.embedded.sessions import SqliteSessions
from aios.errors import ModelCallError, ServiceUnavailableError
from aios.models.admission import SharedAdmission
from aios.models.attempt_log import AttemptLog
from aios.models.gate import Caller, Gate
from aios.models.pace import Pace
from aios.ports.chat_model import ChatMessage, ChatRequest, Role
from aios.ports.leases import Leases
from aios.ports.sessions import Sessions
from aios.spec.model import ModelLimits, ModelSpec, Prices
from aios.spec.vocabulary import Locality, Privacy, Provider
from aios.tasks.attempt_events import Reply, Usage
from tests.contract.implementations import LeasesClient, SessionsClient, name_of

FASTER = 50.0
ASK = ChatRequest((ChatMessage(Role.USER, "Do it."),), max_output_tokens=400)
PAID = ModelSpec(
    provider=Provider.SCRIPTED,
    locality=Locality.CLOUD,
    prices=Prices(input_per_m_tok="3.00", output_per_m_tok="15.00"),
)
FREE = ModelSpec(provider=Provider.SCRIPTED)
CALLER = Caller(key="default/p/abc/t/1", member="developer", clearance=Privacy.INTERNAL, model="strong", spec=PAID)
ANSWER = Reply(text="Done.", usage=Usage(input_tokens=80, output_tokens=20))
DOWN = ModelCallError("HTTP 503", transient=True)


def limited(spec: ModelSpec = PAID, **limits: int) -> ModelSpec:
    """The model with limits, by their names in Python."""
    return spec.model_copy(update={"limits": ModelLimits(**limits)})


@dataclass
class HandClock:
    """Time that a test moves by hand; also a store's clock. Sleeping moves it."""

    at: float = 1_000.0

    def __call__(self) -> float:
        return self.at

    def monotonic(self) -> float:
        return self.at

    def now(self) -> datetime:
        return datetime(2026, 1, 1, 12, tzinfo=UTC)

    async def sleep(self, seconds: float) -> None:
        self.at += seconds
        await asyncio.sleep(0)


@dataclass
class FastClock:
    """The machine's time, fifty times faster; also a store's clock."""

    started: float = field(default_factory=time.monotonic)
    slept: list[float] = field(default_factory=list)

    def __call__(self) -> float:
        return self.monotonic()

    def monotonic(self) -> float:
        return (time.monotonic() - self.started) * FASTER

    def now(self) -> datetime:
        return datetime.now(UTC)

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        await asyncio.sleep(seconds / FASTER)


@dataclass
class CountingProvider:
    """Answers after `seconds`, and not before `may_answer` is set where there is one; counts who is with it and notes
    when each came. `failing` answers are errors first."""

    clock: FastClock
    seconds: float = 1.0
    may_answer: asyncio.Event | None = None
    failing: list[ModelCallError] = field(default_factory=list)
    usage: Usage = ANSWER.usage
    inside: int = 0
    most: int = 0
    came: list[float] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)

    async def chat(self, request: ChatRequest) -> Reply:
        self.came.append(self.clock.monotonic())
        self.keys.append(request.key)
        self.inside += 1
        self.most = max(self.most, self.inside)
        try:
            if self.may_answer is not None:
                await self.may_answer.wait()
            await asyncio.sleep(self.seconds / FASTER)
        finally:
            self.inside -= 1
        if self.failing:
            raise self.failing.pop(0)
        return ANSWER.model_copy(update={"usage": self.usage})

    def most_within(self, seconds: float) -> int:
        """The most calls that came within any so many seconds."""
        return max(sum(first <= other < first + seconds for other in self.came) for first in self.came)


class Outage:
    """Stands before a store; while `away` nothing answers."""

    def __init__(self) -> None:
        self.away = False
        self.refused = self.asked = 0

    def check(self) -> None:
        self.asked += 1
        if self.away:
            self.refused += 1
            raise ServiceUnavailableError("redis at 127.0.0.1:6379 does not answer")


class OutageSessions:
    """Sessions behind an outage."""

    def __init__(self, inner: Sessions, outage: Outage) -> None:
        self._inner, self._outage = inner, outage

    async def get(self, key: str) -> str | None:
        self._outage.check()
        return await self._inner.get(key)

    async def set(self, key: str, value: str, *, ttl: float) -> None:
        self._outage.check()
        await self._inner.set(key, value, ttl=ttl)

    async def compare_and_set(self, key: str, expected: str | None, value: str, *, ttl: float) -> bool:
        self._outage.check()
        return await self._inner.compare_and_set(key, expected, value, ttl=ttl)

    async def delete(self, key: str) -> None:
        self._outage.check()
        await self._inner.delete(key)

    async def scan(self, prefix: str) -> Mapping[str, str]:
        self._outage.check()
        return await self._inner.scan(prefix)


class OutageLeases:
    """Leases behind an outage."""

    def __init__(self, inner: Leases, outage: Outage) -> None:
        self._inner, self._outage = inner, outage

    async def acquire(self, name: str, holder: str, *, ttl: float) -> bool:
        self._outage.check()
        return await self._inner.acquire(name, holder, ttl=ttl)

    async def release(self, name: str, holder: str) -> None:
        self._outage.check()
        await self._inner.release(name, holder)

    async def holder(self, name: str) -> str | None:
        self._outage.check()
        return await self._inner.holder(name)


@dataclass
class Crowd:
    """A store and a journal that many gates share."""

    clock: FastClock
    journal: SqliteJournal
    sessions: Sessions
    leases: Leases
    outage: Outage
    provider: CountingProvider
    pace: Pace = field(default_factory=Pace)
    said: list[str] = field(default_factory=list)

    def admission(self, spec: ModelSpec) -> SharedAdmission:
        return SharedAdmission(
            self.sessions,
            self.leases,
            self.clock,
            namespace="default",
            model="strong",
            spec=spec,
            say=self.said.append,
            pace=self.pace,
        )

    async def ask(self, number: int, spec: ModelSpec, request: ChatRequest = ASK) -> Reply:
        """One replica claims an attempt of its own and asks once."""
        log = await AttemptLog.open(self.journal, f"attempts/default/p/abc/t{number}/1", sleep=self.clock.sleep)
        await log.claim(f"w{number}")
        caller = replace(CALLER, key=f"default/p/abc/t{number}/1", spec=spec)
        return await Gate(log, self.provider, caller, self.clock, self.admission(spec)).call(
            0, request, Privacy.INTERNAL
        )

    async def ask_together(self, count: int, spec: ModelSpec, request: ChatRequest = ASK) -> Sequence[Reply]:
        """So many replicas at once."""
        async with asyncio.timeout(60):
            return await asyncio.gather(*(self.ask(number, spec, request) for number in range(count)))

    async def kinds(self, number: int = 0) -> list[str]:
        log = await AttemptLog.open(self.journal, f"attempts/default/p/abc/t{number}/1")
        return [event.kind for event in log.events]

    async def cost(self, count: int) -> Decimal:
        """USD that is on record."""
        logs = [await AttemptLog.open(self.journal, f"attempts/default/p/abc/t{n}/1") for n in range(count)]
        return sum((call.cost for log in logs for call in log.finished(0)), Decimal(0))


class QuickSessions:
    """Sessions of a server whose clock is its own: what would live a minute lives a fiftieth of it."""

    def __init__(self, inner: Sessions) -> None:
        self._inner = inner

    async def get(self, key: str) -> str | None:
        return await self._inner.get(key)

    async def set(self, key: str, value: str, *, ttl: float) -> None:
        await self._inner.set(key, value, ttl=ttl / FASTER)

    async def compare_and_set(self, key: str, expected: str | None, value: str, *, ttl: float) -> bool:
        return await self._inner.compare_and_set(key, expected, value, ttl=ttl / FASTER)

    async def delete(self, key: str) -> None:
        await self._inner.delete(key)

    async def scan(self, prefix: str) -> Mapping[str, str]:
        return await self._inner.scan(prefix)


class QuickLeases:
    """Leases of such a server."""

    def __init__(self, inner: Leases) -> None:
        self._inner = inner

    async def acquire(self, name: str, holder: str, *, ttl: float) -> bool:
        return await self._inner.acquire(name, holder, ttl=ttl / FASTER)

    async def release(self, name: str, holder: str) -> None:
        await self._inner.release(name, holder)

    async def holder(self, name: str) -> str | None:
        return await self._inner.holder(name)


@asynccontextmanager
async def gathered(place: Path, *, redis: str = "", seconds: float = 1.0) -> AsyncIterator[Crowd]:
    """Open the twins on fast time, or Redis at the URL for Sessions and Leases."""
    clock, outage = FastClock(), Outage()
    journal = SqliteJournal(place / "journal.db")
    sessions: SessionsClient
    leases: LeasesClient
    if redis:
        sessions, leases = RedisSessions(redis, name_of(place)), RedisLeases(redis, name_of(place))
        shared: tuple[Sessions, Leases] = QuickSessions(sessions), QuickLeases(leases)
    else:
        sessions = SqliteSessions(place / "sessions.db", clock=clock)
        leases = SqliteLeases(place / "leases.db", clock=clock)
        shared = sessions, leases
    try:
        yield Crowd(
            clock,
            journal,
            OutageSessions(shared[0], outage),
            OutageLeases(shared[1], outage),
            outage,
            CountingProvider(clock, seconds),
        )
    finally:
        for port in (journal, sessions, leases):
            await port.close()
