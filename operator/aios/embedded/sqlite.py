"""The one way in which twins use SQLite: a file, a thread, transactions.

A database has one worker thread that owns the only connection that writes, so a cancelled caller can never leave a
transaction half done: what was begun is finished, what was not begun is dropped. The thread takes everything that waits
into one transaction (group commit): a hundred concurrent callers pay for one fsync. Other processes open the same file;
the write lock is asked for with bounded patience.

Readers need nobody's lock, and a look takes a tenth of what it costs to ask another thread for it. So the first thread
that reads has a connection of its own, which never waits: what it cannot answer at once the worker thread answers.

Whoever writes or folds the log into the file (a checkpoint) holds a kernel lock on a file beside it. SQLite before
3.51.3 can lose what was committed when a checkpoint begins while another connection commits (sqlite.org/wal.html,
"walresetbug"), and the Pythons in use ship such versions; so checkpoints never begin by themselves here.

It refuses files of a newer schema, and it is for local disks only: SQLite's locks are not to be trusted on a network
file system.
"""

import asyncio
import contextlib
import fcntl
import os
import queue
import random
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, TypeVar

from aios.embedded.sqlite_failures import is_damage, to_failure
from aios.embedded.sqlite_reader import NotNowError, Reader, Work
from aios.errors import EnvironmentProblemError, ServiceUnavailableError, disk_of

T = TypeVar("T")
Stamp = tuple[int, int]

PATIENCE_SECONDS = 15.0
"""How long a write waits for another process that holds the lock. A healthy one holds it for milliseconds."""
LOG_BYTES = 4 * 1024 * 1024
"""Size of the log at which it is folded into the file."""
BATCH = 256
"""Transactions of concurrent callers that share one commit at most."""


@dataclass(frozen=True, slots=True)
class Schema:
    """What a database holds. `version` grows with every change of `statements`."""

    version: int
    statements: tuple[str, ...]


@dataclass(slots=True)
class _Job(Generic[T]):
    work: Work[T]
    writes: bool
    durable: bool
    future: Future[T] = field(default_factory=Future)

    def answer(self, result: T) -> None:
        self.future.set_result(result)


class Database:
    """One SQLite file, opened by the first call.

    `on_change` is called in the worker thread after anything was committed, here or (as seen by any later call) by
    another process; it is told whether another process did.
    """

    def __init__(self, path: Path, schema: Schema, *, on_change: Callable[[bool], None] | None = None) -> None:
        self.path = path
        self._log = Path(f"{path}-wal")
        self._schema = schema
        self._on_change = on_change
        self._jobs: queue.SimpleQueue[_Job[object] | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()
        self._closed: Future[None] | None = None
        self._is_open = False
        self._reader: Reader | None = None
        self.looked: Stamp = (0, 0)
        """The log's stamp when the worker thread last looked whether anybody has committed."""

    def stamp(self) -> Stamp:
        """Changes when anybody commits, as far as time stamps tell commits apart."""
        try:
            found = self._log.stat()
        except FileNotFoundError:
            return (0, 0)
        return found.st_mtime_ns, found.st_size

    async def write(self, work: Work[T], *, durable: bool = True) -> T:
        """Run `work` in a write transaction and return what it returned, after the commit.

        `durable`: survives power loss; otherwise only the death of any process. An exception of `work` undoes its
        transaction and is raised here. Raises ServiceUnavailableError when the file stayed locked or the commit
        failed, EnvironmentProblemError when the file is damaged. A caller that is cancelled meanwhile does not know
        whether it was committed.
        """
        return await self._submit(_Job(work, writes=True, durable=durable))

    async def read(self, work: Work[T]) -> T:
        """Run `work` on one consistent state of the database. It must not write, and may be run twice. Raises as
        `write` does."""
        if self._is_open and self._closed is None:
            self._reader = self._reader or Reader(self.path)
            with contextlib.suppress(NotNowError):
                answer = self._reader.read(work)
                await asyncio.sleep(0)  # who asks in a loop must let others have a turn
                return answer
        return await self.look(work)

    async def look(self, work: Work[T]) -> T:
        """`read` by the worker thread, which notices what other processes have committed."""
        return await self._submit(_Job(work, writes=False, durable=False))

    @property
    def closed(self) -> bool:
        """Whether `close` was called."""
        return self._closed is not None

    async def close(self) -> None:
        """Finish what was submitted and close the file. Closing twice, or what was never used, is no error."""
        if self._reader is not None:
            self._reader.close()
        with self._starting:
            if self._closed is None:
                self._closed = Future()
                if self._thread is None:
                    self._closed.set_result(None)
                self._jobs.put(None)
        await asyncio.shield(asyncio.wrap_future(self._closed))

    async def _submit(self, job: _Job[T]) -> T:
        with self._starting:
            if self._closed is not None:
                raise RuntimeError(f"{self.path} was closed")
            if self._thread is None:
                # A daemon, because an interpreter that ends must not wait for a caller who forgot to close; the log
                # of SQLite makes that harmless.
                self._thread = threading.Thread(target=self._serve, name=f"sqlite {self.path.name}", daemon=True)
                self._thread.start()
            self._jobs.put(job)  # type: ignore[arg-type]  # a queue cannot say that each job has a type of its own
        return await asyncio.wrap_future(job.future)

    def _serve(self) -> None:
        connection: _Connection | None = None
        going = True
        while going:
            batch, going = self._next_batch()
            jobs = [job for job in batch if job.future.set_running_or_notify_cancel()]
            try:
                if connection is None and jobs:
                    connection = _Connection(self.path, self._schema)
                    self._is_open = True
                if connection is not None:
                    self._run(connection, jobs)
            except BaseException as error:  # noqa: BLE001  # whatever it is belongs to the callers, who wait for it
                failure = to_failure(self.path, error) if is_damage(error) else error
                for job in jobs:
                    if not job.future.done():
                        job.future.set_exception(failure)
        if connection is not None:
            connection.close()
        if self._closed is not None:
            self._closed.set_result(None)

    def _next_batch(self) -> tuple[list[_Job[object]], bool]:
        """Everything that waits, at least one; False when it was the last."""
        batch: list[_Job[object]] = []
        job = self._jobs.get()
        while job is not None:
            batch.append(job)
            if len(batch) == BATCH:
                return batch, True
            try:
                job = self._jobs.get_nowait()
            except queue.Empty:
                return batch, True
        return batch, False

    def _run(self, connection: "_Connection", jobs: Sequence[_Job[object]]) -> None:
        """Reads first: they need not wait for the disk, and callers of one batch have no order among them."""
        for job in jobs:
            if not job.writes:
                connection.read(job)
        writes = [job for job in jobs if job.writes]
        if writes:
            connection.write(writes)
        if self._on_change is not None:
            stamp = self.stamp()  # before the look: what is committed between the two makes the stamps differ
            changed, others = connection.changed()
            self.looked = stamp
            if changed:
                self._on_change(others)


class _Connection:
    """The connection that writes, in the worker thread."""

    def __init__(self, path: Path, schema: Schema) -> None:
        self._path = path
        self._log = Path(f"{path}-wal")
        with disk_of(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            # SQLite gives its log the mode of the file; the file may hold secrets.
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
            self._writer = os.open(f"{path}-writer", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._sqlite = sqlite3.connect(path, timeout=0.02, isolation_level=None)
        self._log_limit = LOG_BYTES
        try:
            with self._alone():
                self._patiently(lambda: self._sqlite.execute("PRAGMA journal_mode = WAL"))
                self._sqlite.execute("PRAGMA wal_autocheckpoint = 0")
                self._patiently(lambda: self._prepare(schema))
        except BaseException as error:
            self.close()
            if isinstance(error, sqlite3.DatabaseError):
                raise to_failure(path, error) from error
            raise
        self._durable = self._set_durable(True)
        self._seen = self._state()

    def _prepare(self, schema: Schema) -> None:
        found = self._version()
        if found > schema.version:
            raise EnvironmentProblemError(
                f"{self._path} was made by a newer aios (schema {found}, this one knows {schema.version}): "
                "upgrade aios, or use another state folder (AIOS_STATE_DIR)"
            )
        if found == schema.version:
            return
        self._sqlite.execute("BEGIN IMMEDIATE")
        try:
            if self._version() == 0:
                for statement in schema.statements:
                    self._sqlite.execute(statement)
                self._sqlite.execute(f"PRAGMA user_version = {schema.version}")
            self._sqlite.execute("COMMIT")
        finally:
            self._roll_back()
        if self._version() != schema.version:
            raise EnvironmentProblemError(
                f"{self._path} was made by an older aios (schema {self._version()}, this one needs {schema.version}): "
                "finish its work with that version, then move the state folder away"
            )

    def _version(self) -> int:
        return int(self._sqlite.execute("PRAGMA user_version").fetchone()[0])

    def _set_durable(self, durable: bool) -> bool:
        self._sqlite.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
        return durable

    def _state(self) -> tuple[int, int]:
        """Changes with every commit: ours (total_changes) and other connections' (data_version)."""
        return int(self._sqlite.execute("PRAGMA data_version").fetchone()[0]), self._sqlite.total_changes

    def changed(self) -> tuple[bool, bool]:
        """Whether anything was committed since the last time this was asked, and whether by other connections."""
        before, self._seen = self._seen, self._state()
        return before != self._seen, before[0] != self._seen[0]

    def read(self, job: _Job[object]) -> None:
        """Answer one reader."""

        def attempt() -> object:
            self._sqlite.execute("BEGIN")
            try:
                return job.work(self._sqlite)
            finally:
                self._roll_back()

        try:
            result = self._patiently(attempt)
        except BaseException as error:  # noqa: BLE001  # it is the caller's
            job.future.set_exception(error)
        else:
            job.answer(result)

    def write(self, jobs: Sequence[_Job[object]]) -> None:
        """Run all jobs in one transaction; nobody is answered before the commit."""
        durable = any(job.durable for job in jobs)
        if durable != self._durable:
            self._durable = self._set_durable(durable)
        with self._alone():
            self._patiently(lambda: self._sqlite.execute("BEGIN IMMEDIATE"))
            try:
                answers = [self._within(job) for job in jobs]
                self._patiently(lambda: self._sqlite.execute("COMMIT"))
            finally:
                self._roll_back()
            self._fold_log()
        # After the lock: whoever acts on the answer, and be it by freezing this process, must not find it held.
        for answer in answers:
            answer()

    def _within(self, job: _Job[object]) -> Callable[[], None]:
        """Run one job so that its failure undoes it alone; returns how to answer it."""
        self._sqlite.execute("SAVEPOINT job")
        try:
            result = job.work(self._sqlite)
        except BaseException as error:
            if not self._sqlite.in_transaction:  # SQLite itself gave up (disk full): nothing of the batch stands
                raise to_failure(self._path, error) from error
            self._sqlite.execute("ROLLBACK TO job")
            self._sqlite.execute("RELEASE job")
            is_ours = isinstance(error, sqlite3.OperationalError) or is_damage(error)
            failure = to_failure(self._path, error) if is_ours else error
            return lambda: job.future.set_exception(failure)
        self._sqlite.execute("RELEASE job")
        return lambda: job.answer(result)

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """Nobody else writes or folds the log meanwhile."""
        self._patiently(lambda: fcntl.flock(self._writer, fcntl.LOCK_EX | fcntl.LOCK_NB))
        try:
            yield
        finally:
            fcntl.flock(self._writer, fcntl.LOCK_UN)

    def _fold_log(self) -> None:
        """Fold a log that has grown large into the file. Readers of old states can prevent it: then a little later."""
        size = self._log_bytes()
        if size > self._log_limit:
            busy = 1
            with contextlib.suppress(sqlite3.OperationalError):  # the commit stands; the next writer tries again
                busy = self._sqlite.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
            self._log_limit = size + LOG_BYTES // 4 if busy else LOG_BYTES

    def _log_bytes(self) -> int:
        try:
            return self._log.stat().st_size
        except FileNotFoundError:
            return 0

    def _roll_back(self) -> None:
        if self._sqlite.in_transaction:
            self._sqlite.execute("ROLLBACK")

    def _patiently(self, action: Callable[[], T]) -> T:
        """Try until the lock is free or patience ends; other errors of SQLite are the service's too."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        pause = 0.001
        while True:
            try:
                return action()
            except BlockingIOError as error:
                if time.monotonic() > deadline:
                    raise ServiceUnavailableError(f"{self._path} is locked by another process") from error
            except sqlite3.OperationalError as error:
                busy = error.sqlite_errorcode & 0xFF in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
                if not busy or time.monotonic() > deadline:
                    raise to_failure(self._path, error) from error
            except sqlite3.DatabaseError as error:
                if is_damage(error):
                    raise to_failure(self._path, error) from error
                raise
            # Random, so that processes that collided do not collide again; short, because holders are quick.
            time.sleep(random.uniform(0.0005, pause))
            pause = min(pause * 1.5, 0.02)

    def close(self) -> None:
        # The last one out folds the log in; if it cannot, the next one in will.
        with contextlib.suppress(sqlite3.Error, ServiceUnavailableError), self._alone():
            self._sqlite.close()
        os.close(self._writer)
