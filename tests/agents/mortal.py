"""Ports that die with their worker at a chosen write: before it happens, or after it happened and before the reply."""

from collections.abc import Awaitable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from aios.agents.ports import AgentPorts
from aios.ports.journal import Journal, Record, Snapshot, Stored
from aios.ports.object_store import ObjectStore, StoredObject
from aios.ports.sessions import Sessions

T = TypeVar("T")


class KilledError(BaseException):
    """kill -9, as far as one process can play it: nothing catches it, and nothing works any more afterwards."""


@dataclass
class Life:
    """Ends at write number `until`, counted from 1; 0 never ends."""

    until: int = 0
    after: bool = False
    """Whether the last write still happens."""
    writes: int = 0
    over: bool = False

    async def write(self, action: Awaitable[T]) -> T:
        self.writes += 1
        last = self.writes == self.until
        if self.over or (last and not self.after):
            self.over = True
            if hasattr(action, "close"):
                action.close()
            raise KilledError
        answer = await action
        if last:
            self.over = True
            raise KilledError
        return answer

    async def read(self, action: Awaitable[T]) -> T:
        if self.over:
            if hasattr(action, "close"):
                action.close()
            raise KilledError
        return await action


@dataclass
class MortalJournal:
    inner: Journal
    life: Life

    async def append(self, stream: str, expected_seq: int, records: Sequence[Record]) -> int:
        return await self.life.write(self.inner.append(stream, expected_seq, records))

    async def read(self, stream: str, after: int = 0, limit: int | None = None) -> Sequence[Stored]:
        return await self.life.read(self.inner.read(stream, after, limit))

    async def head(self, stream: str) -> int:
        return await self.life.read(self.inner.head(stream))

    async def streams(self, prefix: str = "") -> Sequence[str]:
        return await self.life.read(self.inner.streams(prefix))

    async def snapshot(self, stream: str) -> Snapshot | None:
        return await self.life.read(self.inner.snapshot(stream))

    async def compact(self, snapshot: Snapshot) -> None:
        await self.life.write(self.inner.compact(snapshot))

    async def delete(self, stream: str) -> None:
        await self.life.write(self.inner.delete(stream))

    async def changed(self, wait: float) -> None:
        await self.life.read(self.inner.changed(wait))


@dataclass
class MortalObjects:
    inner: ObjectStore
    life: Life

    async def put(self, key: str, data: bytes) -> str:
        return await self.life.write(self.inner.put(key, data))

    async def create(self, key: str, data: bytes) -> str:
        return await self.life.write(self.inner.create(key, data))

    async def replace(self, key: str, data: bytes, etag: str) -> str:
        return await self.life.write(self.inner.replace(key, data, etag))

    async def get(self, key: str) -> StoredObject:
        return await self.life.read(self.inner.get(key))

    async def exists(self, key: str) -> bool:
        return await self.life.read(self.inner.exists(key))

    async def list(self, prefix: str) -> Sequence[str]:
        return await self.life.read(self.inner.list(prefix))

    async def delete(self, key: str) -> None:
        await self.life.write(self.inner.delete(key))


@dataclass
class ForgetfulSessions:
    """Loses every checkpoint the moment it is written; heartbeats pass."""

    inner: Sessions

    async def get(self, key: str) -> str | None:
        return await self.inner.get(key)

    async def set(self, key: str, value: str, *, ttl: float) -> None:
        await self.inner.set(key, value, ttl=ttl)
        if key.startswith("checkpoint/"):
            await self.inner.delete(key)

    async def compare_and_set(self, key: str, expected: str | None, value: str, *, ttl: float) -> bool:
        return await self.inner.compare_and_set(key, expected, value, ttl=ttl)

    async def delete(self, key: str) -> None:
        await self.inner.delete(key)

    async def scan(self, prefix: str) -> dict[str, str]:
        return dict(await self.inner.scan(prefix))


def mortal(ports: AgentPorts, life: Life, *, forgetful: bool = False) -> AgentPorts:
    """The same ports for a worker whose life ends at a write to the journal or the object store."""
    return replace(
        ports,
        journal=MortalJournal(ports.journal, life),
        objects=MortalObjects(ports.objects, life),
        sessions=ForgetfulSessions(ports.sessions) if forgetful else ports.sessions,
    )
