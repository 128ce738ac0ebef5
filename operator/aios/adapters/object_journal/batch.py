"""Batch: the records of one append as they stand in one object, and what is left of them after compaction.

One object makes an append all or nothing. A batch that was compacted keeps its length, so that it goes on holding its
place, and a fingerprint of its records' ids, so that a writer whose reply was lost still recognises it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from pydantic import BaseModel

from aios.adapters.object_journal import stored_form
from aios.naming import digest
from aios.ports.journal import Record, Stored


@dataclass(frozen=True, slots=True)
class Batch:
    """Records `first` to `last` of a stream; `kept` are the later ones, those before them were compacted away."""

    first: int
    length: int
    at: datetime
    fingerprint: str
    kept: tuple[Record, ...]
    etag: str = field(default="", compare=False)

    @property
    def last(self) -> int:
        return self.first + self.length - 1

    @property
    def gone(self) -> int:
        """The last sequence number that was compacted away; `first - 1` when none was."""
        return self.last - len(self.kept)

    def stored(self, stream: str) -> list[Stored]:
        """What is kept, as readers get it."""
        return [
            Stored(stream, seq, record.id, record.data, self.at) for seq, record in enumerate(self.kept, self.gone + 1)
        ]

    def without(self, seq: int) -> "Batch":
        """The same, its records up to `seq` gone."""
        forget = min(self.last, seq) - self.gone
        return replace(self, kept=self.kept[forget:]) if forget > 0 else self


class _RecordBody(BaseModel):
    id: str
    data: dict[str, object]


class _BatchBody(stored_form.Body):
    length: int
    at: str
    ids: str
    records: tuple[_RecordBody, ...]


def new_batch(first: int, records: Sequence[Record], at: datetime) -> Batch:
    return Batch(first, len(records), at, fingerprint([record.id for record in records]), tuple(records))


def fingerprint(ids: Sequence[str]) -> str:
    """32 hex digits that tell lists of ids apart."""
    return digest(list(ids))[:32]


def to_bytes(batch: Batch) -> bytes:
    """Raises ValueError or TypeError when a record's data is no JSON."""
    return stored_form.to_bytes(
        {
            "length": batch.length,
            "at": batch.at.isoformat(),
            "ids": batch.fingerprint,
            "records": [{"id": record.id, "data": record.data} for record in batch.kept],
        }
    )


def from_bytes(key: str, first: int, data: bytes, etag: str) -> Batch:
    """Raises EnvironmentProblemError when the object at `key` is no batch."""
    body = stored_form.from_bytes(_BatchBody, key, data)
    kept = tuple(Record(one.data, one.id) for one in body.records)
    return Batch(first, body.length, datetime.fromisoformat(body.at), body.ids, kept, etag)
