"""Services whose replies get lost: a write happens, and the caller is told that nobody answered."""

from collections.abc import Awaitable, Sequence
from typing import TypeVar

from aios.errors import ServiceUnavailableError
from aios.ports.journal import Journal, Record, Snapshot, Stored
from aios.ports.object_store import ObjectStore, StoredObject

T = TypeVar("T")


class _Replies:
    """Loses the reply to every k-th write; the first lost one is the k-th."""

    def __init__(self, every: int) -> None:
        self._every = every
        self._writes = 0
        self.lost = 0

    async def of(self, write: Awaitable[T]) -> T:
        """Perform the write, then perhaps lose the reply."""
        self._writes += 1
        answer = await write
        if self._writes % self._every == 0:
            self.lost += 1
            raise ServiceUnavailableError("the reply was lost")
        return answer


class LostReplyJournal:
    """A Journal that performs every write and tells of only some."""

    def __init__(self, inner: Journal, *, every: int) -> None:
        self._inner = inner
        self.replies = _Replies(every)

    async def append(self, stream: str, expected_seq: int, records: Sequence[Record]) -> int:
        return await self.replies.of(self._inner.append(stream, expected_seq, records))

    async def read(self, stream: str, after: int = 0, limit: int | None = None) -> Sequence[Stored]:
        return await self._inner.read(stream, after, limit)

    async def head(self, stream: str) -> int:
        return await self._inner.head(stream)

    async def streams(self, prefix: str = "") -> Sequence[str]:
        return await self._inner.streams(prefix)

    async def snapshot(self, stream: str) -> Snapshot | None:
        return await self._inner.snapshot(stream)

    async def compact(self, snapshot: Snapshot) -> None:
        await self.replies.of(self._inner.compact(snapshot))

    async def delete(self, stream: str) -> None:
        await self.replies.of(self._inner.delete(stream))

    async def changed(self, wait: float) -> None:
        await self._inner.changed(wait)


class LostReplyObjects:
    """An ObjectStore that performs every write and tells of only some."""

    def __init__(self, inner: ObjectStore, *, every: int) -> None:
        self._inner = inner
        self.replies = _Replies(every)

    async def put(self, key: str, data: bytes) -> str:
        return await self.replies.of(self._inner.put(key, data))

    async def create(self, key: str, data: bytes) -> str:
        return await self.replies.of(self._inner.create(key, data))

    async def replace(self, key: str, data: bytes, etag: str) -> str:
        return await self.replies.of(self._inner.replace(key, data, etag))

    async def get(self, key: str) -> StoredObject:
        return await self._inner.get(key)

    async def exists(self, key: str) -> bool:
        return await self._inner.exists(key)

    async def list(self, prefix: str) -> Sequence[str]:
        return await self._inner.list(prefix)

    async def delete(self, key: str) -> None:
        await self.replies.of(self._inner.delete(key))
