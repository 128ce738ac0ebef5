"""Journal: the truth. Everything else may vanish and is rebuilt from it."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

JSON = Mapping[str, object]
"""A JSON object."""


def new_record_id() -> str:
    """A fresh identity, so that a writer recognises its own record after a lost reply."""
    return uuid.uuid4().hex


@dataclass(frozen=True, slots=True)
class Record:
    """One fact to append. `data` is a JSON object; `id` is unique per record ever written."""

    data: JSON
    id: str = field(default_factory=new_record_id)


@dataclass(frozen=True, slots=True)
class Stored:
    """A record as it stands in a stream. `seq` counts from 1 without holes; `at` is for people, never compared."""

    stream: str
    seq: int
    id: str
    data: JSON
    at: datetime


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A state that stands for the records up to and including `seq`."""

    stream: str
    seq: int
    state: JSON


class Journal(Protocol):
    """Append-only streams with optimistic concurrency.

    Promises: an append is all or nothing; when it returns, it survives kill -9 and power loss; of any number of
    concurrent appends that expect the same sequence exactly one succeeds; readers never see a hole or part of an
    append; sequence numbers are 1, 2, 3 ... and are never reused, not even after `compact`.
    """

    async def append(self, stream: str, expected_seq: int, records: Sequence[Record]) -> int:
        """Append after `expected_seq` (0 for a new stream); returns the stream's new last sequence number.

        A refused append is read back first: when the records already there are ours (same ids, in order), a reply
        was lost and the append has succeeded. Raises SequenceConflictError when they are somebody else's,
        ServiceUnavailableError when the store does not answer (the append may or may not have happened: call again
        with the same records).
        """
        ...

    async def read(self, stream: str, after: int = 0, limit: int | None = None) -> Sequence[Stored]:
        """The records with `seq > after`, in order, at most `limit`. An unknown stream reads as empty.

        Raises CompactedError when some of them were compacted away: read the snapshot, then go on after its `seq`.
        What is returned never has a hole, not even when a compaction comes between the two calls.
        """
        ...

    async def head(self, stream: str) -> int:
        """The last sequence number, 0 when unknown. Counts compacted records too."""
        ...

    async def streams(self, prefix: str = "") -> Sequence[str]:
        """The name of every stream that starts with `prefix`, sorted. One that is being begun or deleted at this
        moment may be among them and read as empty. What it costs does not depend on what the streams hold.
        """
        ...

    async def snapshot(self, stream: str) -> Snapshot | None:
        """The latest snapshot, if there is one."""
        ...

    async def compact(self, snapshot: Snapshot) -> None:
        """Keep `snapshot`, then forget the records it stands for; an older snapshot changes nothing.

        Atomic as readers see it: at no moment is there a record neither readable nor covered by the snapshot.
        Raises ValueError when `snapshot.seq` is beyond the stream's end.
        """
        ...

    async def delete(self, stream: str) -> None:
        """Forget a stream wholly. Only for a deleted project whose policy says so."""
        ...

    async def changed(self, wait: float) -> None:
        """Return when anything may have been appended by anyone, or after `wait` seconds. A hint, no promise."""
        ...
