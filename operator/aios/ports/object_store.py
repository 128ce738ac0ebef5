"""ObjectStore: immutable blobs and small mutable objects moved by compare-and-swap."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class StoredObject:
    """An object's bytes and the tag that names this version of it."""

    data: bytes
    etag: str


class ObjectStore(Protocol):
    """A bucket's objects.

    Promises: a put is atomic (readers see the old bytes or the new, whole) and durable when it returns; of racing
    conditional puts exactly one wins, across processes and hosts. After a lost reply a conditional put may report
    PreconditionError although our bytes are there: callers put something unique into the bytes and read back. An
    etag may be a digest: bytes that come back bring their etag back.

    Keys are 1 to 1,024 bytes of UTF-8, non-empty segments joined by slashes, none of them `.` or `..`; every method
    refuses others with ValueError. Keys that differ only in case need a file system that tells them apart.
    """

    async def put(self, key: str, data: bytes) -> str:
        """Write unconditionally; returns the etag."""
        ...

    async def create(self, key: str, data: bytes) -> str:
        """Write only if the key does not exist; returns the etag. Raises PreconditionError when it does."""
        ...

    async def replace(self, key: str, data: bytes, etag: str) -> str:
        """Write only if the object still has `etag`; returns the new one. Raises PreconditionError otherwise."""
        ...

    async def get(self, key: str) -> StoredObject:
        """Raises NotFoundError."""
        ...

    async def exists(self, key: str) -> bool: ...

    async def list(self, prefix: str) -> Sequence[str]:
        """The keys that start with `prefix`, sorted."""
        ...

    async def delete(self, key: str) -> None:
        """No error when it does not exist."""
        ...


class BucketAdmin(Protocol):
    """Buckets: the operator's right, never a worker's."""

    async def ensure_bucket(self, bucket: str) -> None:
        """Make it; no change when it exists."""
        ...

    async def delete_bucket(self, bucket: str) -> None:
        """Remove it with all its objects; no error when it does not exist."""
        ...

    async def erase(self, bucket: str, prefix: str) -> None:
        """Remove all objects whose keys start with `prefix` for good: where the store keeps old versions, those, too.
        No error when the bucket does not exist. What is written meanwhile may stay."""
        ...

    async def buckets(self) -> Sequence[str]:
        """Every bucket, sorted."""
        ...
