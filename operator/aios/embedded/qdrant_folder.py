"""Sharing a folder of Qdrant's local mode between processes.

Local mode allows one opener a folder, and opening reads every point. So a process keeps the folder open while it
needs it and hands it over as soon as another waits: whoever wants it stands at the lock `turn` and waits for the lock
`open`; the holder looks whether somebody stands there. Both locks die with their process.

All of Qdrant happens in one thread, which is ended by `close` and never keeps the interpreter alive.
"""

import asyncio
import contextlib
import os
import queue
import shutil
import sqlite3
import threading
import time
import uuid
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Generic, TypeVar

from aios.embedded.file_lock import locked, try_lock, wait_for_lock
from aios.errors import DiskFullError, MissingExtraError, ServiceUnavailableError, disk_of
from aios.memories.meaning import Dense
from aios.memories.points import VECTOR

if TYPE_CHECKING:
    from qdrant_client import QdrantClient

T = TypeVar("T")

COLLECTION = "memories"
PATIENCE_SECONDS = 30.0
"""How long to wait for other processes, each of which may be importing Qdrant and reading all points."""
LOOK_SECONDS = 0.05
IDLE_SECONDS = 5.0
"""How long the folder is kept open for the next call when nobody else wants it."""


def _qdrant() -> type["QdrantClient"]:
    try:
        from qdrant_client import QdrantClient
    except ModuleNotFoundError as error:
        raise MissingExtraError("memory", "what agents remember (the tool Memory)") from error
    return QdrantClient


def take(client: "QdrantClient", dense: Dense) -> None:
    """Give the collection the vector if it has none of that name. Whoever has another model, or none, is not hindered:
    each has a vector of its own beside the words."""
    from qdrant_client import models

    vectors = client.get_collection(COLLECTION).config.params.vectors
    if not (isinstance(vectors, dict) and dense.vector in vectors):
        config = models.DenseVectorConfig(size=len(dense.values), distance=models.Distance.COSINE)
        client.create_vector_name(COLLECTION, dense.vector, models.DenseVectorNameConfig(dense=config))


@dataclass(slots=True)
class _Job(Generic[T]):
    work: Callable[["QdrantClient"], T]
    future: Future[T] = field(default_factory=Future)

    def run(self, client: "QdrantClient") -> None:
        self.future.set_result(self.work(client))


class QdrantFolder:
    """One folder, opened when a call needs it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder.absolute()
        self._jobs: queue.SimpleQueue[_Job[object] | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._closed: Future[None] | None = None
        self._client: QdrantClient | None = None
        self._lock: int | None = None
        self._used = 0.0

    @property
    def exists(self) -> bool:
        """Whether anything was ever stored."""
        return self._store.is_dir()

    async def run(self, work: Callable[["QdrantClient"], T]) -> T:
        """Run `work` in the folder's thread. Raises MissingExtraError, or ServiceUnavailableError when other
        processes do not hand the folder over."""
        if self._closed is not None:
            raise RuntimeError(f"{self._folder} was closed")
        if self._thread is None:
            self._thread = threading.Thread(target=self._serve, name="qdrant", daemon=True)
            self._thread.start()
        job = _Job(work)
        self._jobs.put(job)  # type: ignore[arg-type]  # a queue cannot say that each job has a type of its own
        return await asyncio.wrap_future(job.future)

    async def close(self) -> None:
        """Finish what was submitted; closing twice is no error."""
        if self._closed is None:
            self._closed = Future()
            if self._thread is None:
                self._closed.set_result(None)
            self._jobs.put(None)
        await asyncio.shield(asyncio.wrap_future(self._closed))

    @property
    def _store(self) -> Path:
        return self._folder / "store"

    def _serve(self) -> None:
        while True:
            try:
                job = self._jobs.get(timeout=LOOK_SECONDS if self._client is not None else None)
            except queue.Empty:
                self._perhaps_hand_over()
                continue
            if job is None:
                break
            if job.future.set_running_or_notify_cancel():
                try:
                    self._run(job)
                except BaseException as error:  # noqa: BLE001  # it is the caller's, who waits for it
                    job.future.set_exception(error)
                self._used = time.monotonic()
                self._perhaps_hand_over()
        self._let_go()
        if self._closed is not None:
            self._closed.set_result(None)

    def _run(self, job: _Job[object]) -> None:
        """What could not be stored must not be found either: then the folder is read again by the next call."""
        try:
            with disk_of(self._folder):
                job.run(self._open())
        except DiskFullError:
            self._let_go()
            raise
        except sqlite3.OperationalError as error:
            self._let_go()
            raise ServiceUnavailableError(f"{self._folder}: {error}") from error

    def _open(self) -> "QdrantClient":
        if self._client is None:
            client = _qdrant()  # before the lock: nobody should wait for our import
            self._folder.mkdir(parents=True, exist_ok=True)
            with locked(self._folder / "turn", patience=PATIENCE_SECONDS):
                self._lock = wait_for_lock(self._folder / "open", patience=PATIENCE_SECONDS)
            try:
                if not self.exists:
                    self._make(client)
                self._client = client(path=str(self._store))
            except BaseException:
                self._let_go()
                raise
        return self._client

    def _make(self, client: type["QdrantClient"]) -> None:
        """Made aside and renamed: Qdrant's own file of collections does not survive a kill while it is written."""
        from qdrant_client import models

        aside = self._folder / f"new-{uuid.uuid4().hex}"
        made = client(path=str(aside))
        try:
            vectors = {VECTOR: models.SparseVectorParams(modifier=models.Modifier.IDF)}
            made.create_collection(COLLECTION, sparse_vectors_config=vectors)
        finally:
            made.close()
        aside.rename(self._store)
        for left in self._folder.glob("new-*"):
            shutil.rmtree(left, ignore_errors=True)

    def _perhaps_hand_over(self) -> None:
        if self._client is None:
            return
        turn = try_lock(self._folder / "turn")
        if turn is not None:
            os.close(turn)
        if turn is None or time.monotonic() - self._used > IDLE_SECONDS:
            self._let_go()

    def _let_go(self) -> None:
        client, self._client = self._client, None
        lock, self._lock = self._lock, None
        with contextlib.ExitStack() as stack:
            if lock is not None:
                stack.callback(os.close, lock)
            if client is not None:
                client.close()
