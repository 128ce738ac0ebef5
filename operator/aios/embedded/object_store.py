"""Objects in folders, one folder a bucket: the laptop's S3.

A put writes a file aside, forces it to disk and renames it into place; a create links it, which the kernel refuses
when the name is taken; a replace compares under a lock of the kernel's. An etag is the digest of the bytes, as with
S3. Keys are percent-encoded, and a `+` ends the names of folders, so that `a` and `a/b` can stand beside each other
and no key leads out of the bucket. File systems that ignore case confuse keys that differ in nothing else.
"""

import asyncio
import contextlib
import hashlib
import os
import shutil
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote, unquote

from aios.embedded.file_lock import locked
from aios.errors import NotFoundError, PreconditionError, disk_of
from aios.ports.object_store import StoredObject

T = TypeVar("T")

LOCKS = 64
"""Lock files a bucket has; keys share them."""
PATIENCE_SECONDS = 15.0
STALE_SECONDS = 3600.0
"""Age of a file aside after which nobody can still be writing it."""
THREADS = 8
"""Objects of a bucket that one process writes at the same time: fsync is waiting, not work."""


class FolderObjects:
    """ObjectStore of one bucket; see the port for what is promised.

    Keys are 1 to 1,024 bytes of non-empty segments joined by slashes, none of them `.` or `..`; others are refused
    with ValueError. With `must_exist` a put into a bucket that nobody made raises NotFoundError. On a full disk a
    write raises DiskFullError and leaves nothing behind.
    """

    def __init__(self, folder: Path, *, must_exist: bool = False) -> None:
        self._folder = folder.absolute()
        self._must_exist = must_exist
        self._threads: ThreadPoolExecutor | None = None
        self._tidied = False

    async def put(self, key: str, data: bytes) -> str:
        return await self._in_thread(lambda: self._write(key, data, condition=None))

    async def create(self, key: str, data: bytes) -> str:
        return await self._in_thread(lambda: self._create(key, data))

    async def replace(self, key: str, data: bytes, etag: str) -> str:
        return await self._in_thread(lambda: self._write(key, data, condition=etag))

    async def get(self, key: str) -> StoredObject:
        def work() -> StoredObject:
            try:
                data = self._path(key).read_bytes()
            except (FileNotFoundError, NotADirectoryError):
                raise NotFoundError(f"no object {key} in bucket {self._folder.name}") from None
            return StoredObject(data, _etag(data))

        return await self._in_thread(work)

    async def exists(self, key: str) -> bool:
        return await self._in_thread(lambda: self._path(key).is_file())

    async def list(self, prefix: str) -> Sequence[str]:
        return await self._in_thread(lambda: sorted(key for key in self._keys(prefix) if key.startswith(prefix)))

    async def delete(self, key: str) -> None:
        def work() -> None:
            path = self._path(key)
            with contextlib.suppress(FileNotFoundError), self._lock(key):
                path.unlink()
                _sync_folder(path.parent)

        await self._in_thread(work)

    async def close(self) -> None:
        """Finish what was begun."""
        if self._threads is not None:
            threads, self._threads = self._threads, None
            await asyncio.to_thread(threads.shutdown)

    async def _in_thread(self, work: Callable[[], T]) -> T:
        if self._threads is None:
            self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix=f"bucket {self._folder.name}")
        with disk_of(self._folder):
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)

    def _path(self, key: str) -> Path:
        segments = key.split("/")
        if not key or len(key.encode()) > 1024 or any(segment in {"", ".", ".."} for segment in segments):
            raise ValueError(f"not a key: {key!r}; 1 to 1,024 bytes, no empty segment, no . or ..")
        *folders, name = (quote(segment, safe="") for segment in segments)
        return self._folder.joinpath("data", *(f"{folder}+" for folder in folders), name)

    def _keys(self, prefix: str) -> Iterator[str]:
        """All keys below the folder that the prefix's whole segments name."""
        start = self._folder.joinpath("data", *(f"{quote(segment, safe='')}+" for segment in prefix.split("/")[:-1]))
        for folder, _, names in os.walk(start):
            parts = Path(folder).relative_to(self._folder / "data").parts
            yield from ("/".join(unquote(part) for part in (*(part[:-1] for part in parts), name)) for name in names)

    def _create(self, key: str, data: bytes) -> str:
        path = self._path(key)
        with self._aside(data) as aside:
            self._make_folder(path.parent)
            try:
                path.hardlink_to(aside)
            except FileExistsError:
                raise PreconditionError(f"object {key} exists already in bucket {self._folder.name}") from None
            _sync_folder(path.parent)
        return _etag(data)

    def _write(self, key: str, data: bytes, *, condition: str | None) -> str:
        path = self._path(key)
        with self._aside(data) as aside:
            self._make_folder(path.parent)
            # A put without condition takes the lock too: else it could slip between another's look and rename, and
            # that replace would have won against an etag it never saw.
            with self._lock(key):
                if condition is not None and condition != _etag_at(path):
                    raise PreconditionError(f"object {key} in bucket {self._folder.name} is no longer {condition}")
                aside.replace(path)
                _sync_folder(path.parent)
        return _etag(data)

    @contextlib.contextmanager
    def _aside(self, data: bytes) -> Iterator[Path]:
        """The bytes on disk, under a name that no key has."""
        aside = self._folder / "aside" / uuid.uuid4().hex
        self._make_folder(aside.parent)
        self._tidy(aside.parent)
        try:
            with aside.open("xb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            yield aside
        finally:
            aside.unlink(missing_ok=True)

    def _tidy(self, folder: Path) -> None:
        """Once a client: remove what killed processes left aside."""
        if self._tidied:
            return
        self._tidied = True
        for left in folder.iterdir():
            with contextlib.suppress(FileNotFoundError):
                if time.time() - left.stat().st_mtime > STALE_SECONDS:
                    left.unlink()

    def _lock(self, key: str) -> contextlib.AbstractContextManager[None]:
        number = int(hashlib.sha256(key.encode()).hexdigest()[:8], 16) % LOCKS
        self._make_folder(self._folder / "locks")
        return locked(self._folder / "locks" / str(number), patience=PATIENCE_SECONDS)

    def _make_folder(self, folder: Path) -> None:
        """Make it durably: a file is only as safe as the entries of the folders above it."""
        if folder.is_dir():
            return
        if folder == self._folder and self._must_exist:
            raise NotFoundError(f"no bucket {self._folder.name}: is the team that uses it applied?")
        if folder != self._folder:
            self._make_folder(folder.parent)
        folder.mkdir(parents=folder == self._folder, exist_ok=True)
        _sync_folder(folder.parent)


class FolderBuckets:
    """BucketAdmin: a folder of folders."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder.absolute()
        self._open: dict[str, FolderObjects] = {}

    def bucket(self, name: str) -> FolderObjects:
        """The objects of a bucket, whether or not it exists yet; the same object every time."""
        if name not in self._open:
            self._open[name] = FolderObjects(self._path(name), must_exist=True)
        return self._open[name]

    async def ensure_bucket(self, bucket: str) -> None:
        def work() -> None:
            self._path(bucket).mkdir(parents=True, exist_ok=True)
            _sync_folder(self._folder)

        with disk_of(self._folder):
            await asyncio.to_thread(work)

    async def delete_bucket(self, bucket: str) -> None:
        def work() -> None:
            # Renamed first: it is gone at once, and never half gone.
            doomed = self._folder / f".{bucket}-{uuid.uuid4().hex}"
            with contextlib.suppress(FileNotFoundError):
                self._path(bucket).rename(doomed)
            shutil.rmtree(doomed, ignore_errors=True)

        await asyncio.to_thread(work)

    async def erase(self, bucket: str, prefix: str) -> None:
        objects = self.bucket(bucket)
        for key in await objects.list(prefix):
            await objects.delete(key)

    async def buckets(self) -> Sequence[str]:
        def work() -> Sequence[str]:
            if not self._folder.is_dir():
                return ()
            return sorted(entry.name for entry in self._folder.iterdir() if not entry.name.startswith("."))

        return await asyncio.to_thread(work)

    async def close(self) -> None:
        """Finish what was begun in every bucket."""
        for objects in self._open.values():
            await objects.close()

    def _path(self, bucket: str) -> Path:
        if quote(bucket, safe="") != bucket or bucket.startswith(".") or not 3 <= len(bucket) <= 63:
            raise ValueError(f"not a bucket's name: {bucket!r}; 3 to 63 letters, digits, dots and dashes")
        return self._folder / bucket


def _etag(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _etag_at(path: Path) -> str | None:
    try:
        return _etag(path.read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        return None


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
