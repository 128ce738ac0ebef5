"""Sharing a folder of Qdrant's local mode between processes.

Local mode allows one opener a folder, and opening reads every point. So a process keeps the folder open while it
needs it and hands it over as soon as another waits: whoever wants it stands at the lock `turn` and waits for the lock
`open`; the holder looks whether somebody stands there. Both locks die with their process.

All of Qdrant happens in one thread, which is ended by `close` and never keeps the interpreter alive. Whatever else
ends it, nobody is left waiting, and the next call starts another.
"""

import asyncio
import contextlib
import logging
import os
import pickle
import queue
import shutil
import sqlite3
import threading
import time
import uuid
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Generic, TypeVar

from aios.embedded.file_lock import is_locked, locked, wait_for_lock
from aios.errors import (
    DiskFullError,
    EnvironmentProblemError,
    MissingExtraError,
    ServiceUnavailableError,
    disk_of,
)
from aios.memories.meaning import Dense
from aios.memories.points import VECTOR

if TYPE_CHECKING:
    from qdrant_client import QdrantClient

T = TypeVar("T")
log = logging.getLogger(__name__)

COLLECTION = "memories"
PATIENCE_SECONDS = 30.0
"""How long to wait for other processes, each of which may be importing Qdrant and reading all points."""
LOOK_SECONDS = 0.05
IDLE_SECONDS = 5.0
"""How long the folder is kept open for the next call when nobody else wants it."""
_DAMAGE = (
    *(sqlite3.DatabaseError, ValueError),
    *(LookupError, TypeError, AttributeError, EOFError, pickle.UnpicklingError),
)
"""What Qdrant raises when what it reads is not what it wrote: pages of SQLite, JSON, pickled points."""


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
        self._starting = threading.Lock()
        """Held while a job or the end is submitted, and while a thread that ends takes leave of those that were."""
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
        """Run `work` in the folder's thread. Raises MissingExtraError, EnvironmentProblemError when what is stored is
        damaged, or ServiceUnavailableError when other processes do not hand the folder over or the thread ended."""
        job = _Job(work)
        with self._starting:
            if self._closed is not None:
                raise RuntimeError(f"{self._folder} was closed")
            if self._thread is None:
                self._thread = threading.Thread(target=self._serve, name="qdrant", daemon=True)
                self._thread.start()
            self._jobs.put(job)  # type: ignore[arg-type]  # a queue cannot say that each job has a type of its own
        return await asyncio.wrap_future(job.future)

    async def close(self) -> None:
        """Finish what was submitted; closing twice is no error."""
        with self._starting:
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
        try:
            while True:
                try:
                    job = self._jobs.get(timeout=LOOK_SECONDS if self._client is not None else None)
                except queue.Empty:
                    self._perhaps_hand_over()
                    continue
                if job is None:
                    break
                self._answer(job)
        finally:
            self._let_go()
            self._take_leave()

    def _answer(self, job: _Job[object]) -> None:
        if job.future.set_running_or_notify_cancel():
            try:
                self._run(job)
            except BaseException as error:  # noqa: BLE001  # it is the caller's, who waits for it
                job.future.set_exception(error)
            self._used = time.monotonic()
            self._perhaps_hand_over()

    def _take_leave(self) -> None:
        """The thread ends, perhaps of a defect: whoever still waits is told, and the next call starts anew."""
        with self._starting:
            self._thread = None
            with contextlib.suppress(queue.Empty):
                while True:
                    job = self._jobs.get_nowait()
                    if job is not None and job.future.set_running_or_notify_cancel():
                        job.future.set_exception(
                            ServiceUnavailableError(f"{self._folder}: the thread that reads it ended; try again")
                        )
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
        except (sqlite3.OperationalError, OSError) as error:
            self._let_go()
            raise ServiceUnavailableError(f"{self._folder}: {error}") from error
        except sqlite3.DatabaseError as error:
            self._let_go()
            raise self._damaged(error) from error

    def _open(self) -> "QdrantClient":
        if self._client is not None and not self._is_in_place():
            self._let_go()
        if self._client is None:
            client = _qdrant()  # before the lock: nobody should wait for our import
            self._folder.mkdir(parents=True, exist_ok=True)
            with locked(self._folder / "turn", patience=PATIENCE_SECONDS):
                self._lock = wait_for_lock(self._folder / "open", patience=PATIENCE_SECONDS)
            try:
                if not self.exists:
                    self._make(client)
                self._client = self._read(client)
            except BaseException:
                self._let_go()
                raise
        return self._client

    def _read(self, client: type["QdrantClient"]) -> "QdrantClient":
        """Raises EnvironmentProblemError when what is stored cannot be read, ServiceUnavailableError when a client that
        does not stand at our locks has it."""
        try:
            opened = client(path=str(self._store))
        except sqlite3.OperationalError:
            raise
        except RuntimeError as error:
            raise ServiceUnavailableError(str(error)) from error
        except _DAMAGE as error:
            raise self._damaged(error) from error
        if not opened.collection_exists(COLLECTION):
            opened.close()
            raise self._damaged(f"there is no collection {COLLECTION}")
        return opened

    def _damaged(self, why: object) -> EnvironmentProblemError:
        return EnvironmentProblemError(
            f"what agents remember, {self._store}, is damaged ({why}): restore it from a backup, or remove it and they "
            "begin to remember anew"
        )

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

    def _is_in_place(self) -> bool:
        """Whether what is open is what stands there: a folder that somebody removed can still be written to, and
        nobody finds it again."""
        try:
            there = (self._folder / "open").stat()
        except FileNotFoundError:
            return False
        return self.exists and self._lock is not None and os.fstat(self._lock).st_ino == there.st_ino

    def _perhaps_hand_over(self) -> None:
        if self._client is not None and self._is_to_hand_over():
            self._let_go()

    def _is_to_hand_over(self) -> bool:
        """Whoever cannot look whether others wait does not keep them waiting."""
        try:
            if not self._is_in_place():
                return True
            return is_locked(self._folder / "turn") or time.monotonic() - self._used > IDLE_SECONDS
        except OSError as error:
            log.warning("%s is let go of, for nobody can see whether others wait for it: %s", self._folder, error)
            return True

    def _let_go(self) -> None:
        """Never raises: the thread goes on, and what could not be closed is read again by the next call."""
        client, self._client = self._client, None
        lock, self._lock = self._lock, None
        for close in (client.close if client else None, partial(os.close, lock) if lock is not None else None):
            try:
                if close is not None:
                    close()
            except Exception as error:  # noqa: BLE001  # whatever Qdrant raises, others are to get the folder
                log.warning("%s was not closed properly: %r", self._folder, error)
