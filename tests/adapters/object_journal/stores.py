"""Object stores for tests: one in memory, one that counts its calls, and a stage that decides whose call comes next."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from enum import Enum
from typing import TypeVar

from aios.errors import AiosError, NotFoundError, PreconditionError, ServiceUnavailableError
from aios.ports.object_store import ObjectStore, StoredObject

T = TypeVar("T")


class MemoryObjects:
    """ObjectStore in one process, for one test."""

    def __init__(self) -> None:
        self.objects: dict[str, StoredObject] = {}
        self._writes = 0

    async def put(self, key: str, data: bytes) -> str:
        self._writes += 1
        self.objects[key] = StoredObject(data, f"etag-{self._writes}")
        return self.objects[key].etag

    async def create(self, key: str, data: bytes) -> str:
        if key in self.objects:
            raise PreconditionError(f"{key} exists")
        return await self.put(key, data)

    async def replace(self, key: str, data: bytes, etag: str) -> str:
        if key not in self.objects or self.objects[key].etag != etag:
            raise PreconditionError(f"{key} is no longer {etag}")
        return await self.put(key, data)

    async def get(self, key: str) -> StoredObject:
        if key not in self.objects:
            raise NotFoundError(key)
        return self.objects[key]

    async def exists(self, key: str) -> bool:
        return key in self.objects

    async def list(self, prefix: str) -> Sequence[str]:
        return sorted(key for key in self.objects if key.startswith(prefix))

    async def delete(self, key: str) -> None:
        self.objects.pop(key, None)


class Wrapped:
    """ObjectStore whose every call passes `call(name, work)`."""

    def __init__(self, inner: ObjectStore) -> None:
        self.inner = inner

    async def call(self, name: str, work: Callable[[], Awaitable[T]]) -> T:
        raise NotImplementedError

    async def put(self, key: str, data: bytes) -> str:
        return await self.call("put", lambda: self.inner.put(key, data))

    async def create(self, key: str, data: bytes) -> str:
        return await self.call("create", lambda: self.inner.create(key, data))

    async def replace(self, key: str, data: bytes, etag: str) -> str:
        return await self.call("replace", lambda: self.inner.replace(key, data, etag))

    async def get(self, key: str) -> StoredObject:
        return await self.call("get", lambda: self.inner.get(key))

    async def exists(self, key: str) -> bool:
        return await self.call("exists", lambda: self.inner.exists(key))

    async def list(self, prefix: str) -> Sequence[str]:
        return await self.call("list", lambda: self.inner.list(prefix))

    async def delete(self, key: str) -> None:
        await self.call("delete", lambda: self.inner.delete(key))


class CountingObjects(Wrapped):
    """Counts the calls."""

    def __init__(self, inner: ObjectStore) -> None:
        super().__init__(inner)
        self.calls: Counter[str] = Counter()

    async def call(self, name: str, work: Callable[[], Awaitable[T]]) -> T:
        self.calls[name] += 1
        return await work()

    def taken(self) -> dict[str, int]:
        """The calls since the last time, by name."""
        calls, self.calls = dict(self.calls), Counter()
        return calls


class FailingObjects(Wrapped):
    """Does not answer from call number `after` on, once that is set; `does` says whether that call still happens."""

    def __init__(self, inner: ObjectStore) -> None:
        super().__init__(inner)
        self.left: int | None = None
        self.does = False

    def fail_after(self, calls: int, *, does: bool) -> None:
        self.left, self.does = calls, does

    async def call(self, name: str, work: Callable[[], Awaitable[T]]) -> T:
        if self.left is None:
            return await work()
        self.left -= 1
        if self.left == 0 and self.does:
            await work()
        if self.left <= 0:
            raise ServiceUnavailableError("the store is gone")
        return await work()


class Fate(Enum):
    """What becomes of a call."""

    ANSWERED = "answered"
    LOST = "never arrived"
    REPLY_LOST = "done, and the reply was lost"
    RETRIED = "done, the reply was lost, and the client tried again by itself"
    LATE = "done at some later time, and the caller was told that nobody answered"


class Stage:
    """Lets one of the waiting calls of all tasks go on at a time; `choose(n)` says which, from 0 to n - 1."""

    def __init__(self, choose: Callable[[int], int]) -> None:
        self._choose = choose
        self._waiting: list[asyncio.Future[None]] = []
        self._late: list[asyncio.Task[None]] = []

    async def turn(self) -> None:
        """Wait for one's turn."""
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(waiter)
        await waiter

    def later(self, work: Callable[[], Awaitable[object]]) -> None:
        """Do it at some later turn, in nobody's name."""

        async def do() -> None:
            await self.turn()
            with contextlib.suppress(AiosError):
                await work()

        self._late.append(asyncio.create_task(do()))

    async def play(self, *parts: Coroutine[object, object, T]) -> list[T]:
        """Run all to their ends and give their answers."""
        tasks = [asyncio.create_task(part) for part in parts]
        while True:
            for _ in range(12):  # everybody comes to rest at a turn or at the end: nothing here waits for the world
                await asyncio.sleep(0)
            self._waiting = [waiter for waiter in self._waiting if not waiter.cancelled()]
            if self._waiting:
                self._waiting.pop(self._choose(len(self._waiting))).set_result(None)
            elif all(task.done() for task in (*tasks, *self._late)):
                return [task.result() for task in tasks]


class StagedObjects(Wrapped):
    """A process's client of the store: each call waits for its turn, then meets its fate."""

    def __init__(self, inner: ObjectStore, stage: Stage, fate: Callable[[], Fate] = lambda: Fate.ANSWERED) -> None:
        super().__init__(inner)
        self._stage, self._fate = stage, fate

    async def call(self, name: str, work: Callable[[], Awaitable[T]]) -> T:
        await self._stage.turn()
        match self._fate():
            case Fate.ANSWERED:
                return await work()
            case Fate.REPLY_LOST:
                await work()
            case Fate.RETRIED:
                await work()
                await self._stage.turn()
                return await work()
            case Fate.LATE:
                self._stage.later(work)
            case Fate.LOST:
                pass
        raise ServiceUnavailableError("nobody answered")
