"""A Journal that counts and logs what this process appends: the truth is the best place to measure from.

Every append that the store confirmed becomes a metric and a log line with the ids its stream's name holds; the steps
within attempts, a dozen a task, only where debug lines are asked for. Contents (prompts, replies, results) are never
logged.
"""

import logging
from collections.abc import Mapping, Sequence

from aios import telemetry
from aios.ports.journal import Journal, Record, Snapshot, Stored

log = logging.getLogger(__name__)

_RUNS, _ATTEMPTS = "runs", "attempts"


class MeteredJournal:
    """Passes every call on; what `append` confirmed is counted."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    async def append(self, stream: str, expected_seq: int, records: Sequence[Record]) -> int:
        seq = await self._journal.append(stream, expected_seq, records)
        for record in records:
            _count(stream, record.data)
        return seq

    async def read(self, stream: str, after: int = 0, limit: int | None = None) -> Sequence[Stored]:
        return await self._journal.read(stream, after, limit)

    async def head(self, stream: str) -> int:
        return await self._journal.head(stream)

    async def streams(self, prefix: str = "") -> Sequence[str]:
        return await self._journal.streams(prefix)

    async def snapshot(self, stream: str) -> Snapshot | None:
        return await self._journal.snapshot(stream)

    async def compact(self, snapshot: Snapshot) -> None:
        await self._journal.compact(snapshot)

    async def delete(self, stream: str) -> None:
        await self._journal.delete(stream)

    async def changed(self, wait: float) -> None:
        await self._journal.changed(wait)


def stream_ids(stream: str) -> dict[str, str]:
    """The ids a stream's name holds: namespace, project and run; task and attempt too when it is an attempt's."""
    place, *parts = stream.split("/")
    if place not in {_RUNS, _ATTEMPTS} or len(parts) < 3:
        return {}
    ids = {"namespace": parts[0], "project": parts[1], "run": "/".join(parts[:3])}
    return {**ids, "task": parts[3], "attempt": parts[4]} if len(parts) == 5 else ids


def _count(stream: str, data: Mapping[str, object]) -> None:
    kind, level = str(data.get("kind", "")), logging.DEBUG
    if stream.startswith(f"{_RUNS}/"):
        telemetry.RUN_EVENTS.labels(kind=kind).inc()
        level = logging.INFO
    elif stream.startswith(f"{_ATTEMPTS}/"):
        telemetry.ATTEMPT_EVENTS.labels(kind=kind).inc()
    if log.isEnabledFor(level):
        log.log(level, "journalled %s", kind, extra=stream_ids(stream))
