"""The Journal in one SQLite file: the laptop's truth.

A stream's head stands in its own row, so that sequence numbers go on after its records were compacted away.
"""

import json
import sqlite3
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from aios.embedded.changes import WatchedDatabase
from aios.embedded.sqlite import Schema
from aios.errors import CompactedError, SequenceConflictError
from aios.ports.journal import JSON, Record, Snapshot, Stored

_SCHEMA = Schema(
    1,
    (
        "CREATE TABLE streams (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, head INTEGER NOT NULL,"
        " snapshot_seq INTEGER NOT NULL DEFAULT 0, snapshot_state TEXT)",
        "CREATE TABLE records (stream INTEGER NOT NULL, seq INTEGER NOT NULL, id TEXT NOT NULL, at TEXT NOT NULL,"
        " data TEXT NOT NULL, PRIMARY KEY (stream, seq)) WITHOUT ROWID",
    ),
)


class SqliteJournal:
    """Journal; see the port for what is promised."""

    def __init__(self, path: Path) -> None:
        self._database = WatchedDatabase(path, _SCHEMA)

    async def append(self, stream: str, expected_seq: int, records: Sequence[Record]) -> int:
        rows = [(record.id, _to_json(record.data)) for record in records]
        return await self._database.write(lambda sqlite: _append(sqlite, stream, expected_seq, rows))

    async def read(self, stream: str, after: int = 0, limit: int | None = None) -> Sequence[Stored]:
        return await self._database.read(lambda sqlite: _read(sqlite, stream, after, limit))

    async def head(self, stream: str) -> int:
        found = await self._database.read(lambda sqlite: _find(sqlite, stream))
        return found[1] if found else 0

    async def streams(self, prefix: str = "") -> Sequence[str]:
        def work(sqlite: sqlite3.Connection) -> Sequence[str]:
            rows = sqlite.execute(
                "SELECT name FROM streams WHERE name >= ? AND name < ? ORDER BY name", (prefix, prefix + "\U0010ffff")
            )
            return tuple(name for (name,) in rows)

        return await self._database.read(work)

    async def snapshot(self, stream: str) -> Snapshot | None:
        def work(sqlite: sqlite3.Connection) -> Snapshot | None:
            row = sqlite.execute(
                "SELECT snapshot_seq, snapshot_state FROM streams WHERE name = ?", (stream,)
            ).fetchone()
            return Snapshot(stream, row[0], json.loads(row[1])) if row and row[1] is not None else None

        return await self._database.read(work)

    async def compact(self, snapshot: Snapshot) -> None:
        state = _to_json(snapshot.state)
        await self._database.write(lambda sqlite: _compact(sqlite, snapshot.stream, snapshot.seq, state))

    async def delete(self, stream: str) -> None:
        def work(sqlite: sqlite3.Connection) -> None:
            found = _find(sqlite, stream)
            if found:
                sqlite.execute("DELETE FROM records WHERE stream = ?", found[:1])
                sqlite.execute("DELETE FROM streams WHERE id = ?", found[:1])

        await self._database.write(work)

    async def changed(self, wait: float) -> None:
        await self._database.changed(wait)

    async def close(self) -> None:
        """Finish what was begun and close the file."""
        await self._database.close()


def _to_json(data: JSON) -> str:
    return json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def _find(sqlite: sqlite3.Connection, stream: str) -> tuple[int, int, int] | None:
    """The stream's key, its head, and the last sequence its snapshot stands for."""
    row = sqlite.execute("SELECT id, head, snapshot_seq FROM streams WHERE name = ?", (stream,)).fetchone()
    return (row[0], row[1], row[2]) if row else None


def _append(sqlite: sqlite3.Connection, stream: str, expected: int, rows: Sequence[tuple[str, str]]) -> int:
    key, head, _ = _find(sqlite, stream) or (0, 0, 0)
    last = expected + len(rows)
    if head != expected:
        written = sqlite.execute(
            "SELECT id FROM records WHERE stream = ? AND seq > ? AND seq <= ? ORDER BY seq", (key, expected, last)
        )
        if rows and [row[0] for row in written] == [row[0] for row in rows]:
            return last
        raise SequenceConflictError(stream, expected, head)
    if not rows:
        return head
    if not key:
        key = sqlite.execute("INSERT INTO streams (name, head) VALUES (?, 0)", (stream,)).lastrowid or 0
    at = datetime.now(UTC).isoformat()
    sqlite.executemany(
        "INSERT INTO records (stream, seq, id, at, data) VALUES (?, ?, ?, ?, ?)",
        ((key, expected + index, record, at, data) for index, (record, data) in enumerate(rows, start=1)),
    )
    sqlite.execute("UPDATE streams SET head = ? WHERE id = ?", (last, key))
    return last


def _read(sqlite: sqlite3.Connection, stream: str, after: int, limit: int | None) -> Sequence[Stored]:
    found = _find(sqlite, stream)
    if found is None:
        return ()
    key, _, compacted = found
    if after < compacted:
        raise CompactedError(stream, after, compacted)
    rows = sqlite.execute(
        "SELECT seq, id, data, at FROM records WHERE stream = ? AND seq > ? ORDER BY seq LIMIT ?",
        (key, after, -1 if limit is None else limit),
    )
    return tuple(Stored(stream, seq, id_, json.loads(data), datetime.fromisoformat(at)) for seq, id_, data, at in rows)


def _compact(sqlite: sqlite3.Connection, stream: str, seq: int, state: str) -> None:
    found = _find(sqlite, stream)
    if found is None or seq > found[1]:
        raise ValueError(f"a snapshot of {stream} at {seq} is beyond its end, {found[1] if found else 0}")
    key, _, compacted = found
    if seq <= compacted:
        return
    sqlite.execute("UPDATE streams SET snapshot_seq = ?, snapshot_state = ? WHERE id = ?", (seq, state, key))
    sqlite.execute("DELETE FROM records WHERE stream = ? AND seq <= ?", (key, seq))
