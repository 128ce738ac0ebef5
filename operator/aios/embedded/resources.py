"""Resources in one SQLite file: what an API server is to a cluster, as far as our reconciler needs one.

Any process may write; all see the changes. `apply` speaks as our own manager; `scale` is what `kubectl scale` is in a
cluster, another manager.
"""

import json
import logging
import sqlite3
import uuid
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path

from aios.embedded import documents
from aios.embedded.changes import WatchedDatabase
from aios.embedded.documents import Document
from aios.embedded.sqlite import Schema
from aios.errors import InvalidSpecError, NotFoundError
from aios.ports.clock import Clock, SystemClock
from aios.ports.resources import AnyResource, AnyStatus
from aios.spec.base import Kind, Ref, Resource
from aios.spec.project import RunStatus

log = logging.getLogger(__name__)

EVENTS_KEPT = 100
"""Events remembered of one object; the oldest go first."""
_LOOK_SECONDS = 5.0
"""How long a watcher trusts that it would have been told of a change."""
_PAGE = 500
"""Changes a watcher reads at once."""

_KEY = "kind TEXT NOT NULL, namespace TEXT NOT NULL, name TEXT NOT NULL"
_SCHEMA = Schema(
    1,
    (
        f"CREATE TABLE objects ({_KEY}, uid TEXT NOT NULL UNIQUE, version INTEGER NOT NULL, document TEXT NOT NULL,"
        " PRIMARY KEY (kind, namespace, name))",
        "CREATE TABLE owners (child TEXT NOT NULL, owner TEXT NOT NULL, PRIMARY KEY (owner, child)) WITHOUT ROWID",
        # The last change of each object there ever was; its number is the resourceVersion.
        f"CREATE TABLE changes (version INTEGER PRIMARY KEY AUTOINCREMENT, {_KEY},"
        " UNIQUE (kind, namespace, name) ON CONFLICT REPLACE)",
        f"CREATE TABLE events (id INTEGER PRIMARY KEY, {_KEY}, type TEXT NOT NULL, reason TEXT NOT NULL,"
        " message TEXT NOT NULL, count INTEGER NOT NULL, first_at TEXT NOT NULL, last_at TEXT NOT NULL,"
        " UNIQUE (kind, namespace, name, type, reason, message))",
    ),
)


@dataclass(frozen=True, slots=True)
class Event:
    """What was told of an object, and how often. `type` is Normal or Warning."""

    type: str
    reason: str
    message: str
    count: int
    first_at: datetime
    last_at: datetime


class SqliteResources:
    """Resources; see the port for what is promised."""

    def __init__(self, path: Path, *, clock: Clock | None = None) -> None:
        self._database = WatchedDatabase(path, _SCHEMA)
        self._clock = clock or SystemClock()
        self._parsed: dict[Ref, tuple[int, AnyResource]] = {}
        """What was read last, with its version: many read the same state, one parses it. Resources are immutable."""

    async def get(self, ref: Ref) -> AnyResource | None:
        row = await self._database.read(lambda sqlite: _row(sqlite, ref))
        if row is None:
            self._parsed.pop(ref, None)
            return None
        return self._parse(ref, *row)

    async def list(
        self, kind: Kind, namespace: str | None = None, labels: Mapping[str, str] | None = None
    ) -> Sequence[AnyResource]:
        def work(sqlite: sqlite3.Connection) -> Sequence[tuple[str, str, str, int]]:
            return sqlite.execute(
                "SELECT namespace, name, document, version FROM objects WHERE kind = ? AND (namespace = ? OR ? IS NULL)"
                " ORDER BY namespace, name",
                (kind, namespace, namespace),
            ).fetchall()

        found = []
        for space, name, text, version in await self._database.read(work):
            try:
                found.append(self._parse(Ref(kind, space, name), text, version))
            except InvalidSpecError as error:
                log.warning("left out of a listing: %s", error)
        wanted = (labels or {}).items()
        return tuple(resource for resource in found if wanted <= resource.metadata.labels.items())

    async def apply(self, resource: Resource) -> None:
        uid, now = str(uuid.uuid4()), self._now()

        def stands(sqlite: sqlite3.Connection) -> bool:
            live = _find(sqlite, resource.ref)
            document = documents.applied(resource, live, uid=uid, now=now)
            return document == live and not _orphaned(sqlite, document)

        def work(sqlite: sqlite3.Connection) -> None:
            live = _find(sqlite, resource.ref)
            document = documents.applied(resource, live, uid=uid, now=now)
            _save(sqlite, document, live)
            if _orphaned(sqlite, document):
                _delete(sqlite, resource.ref, now)

        if not await self._database.read(stands):  # applied often, changed seldom: only a change waits for the disk
            await self._database.write(work)

    async def scale(self, ref: Ref, replicas: int, *, manager: str = "kubectl") -> None:
        """Set an Agent's `spec.replicas` as `manager`, which keeps it from then on. Raises NotFoundError."""
        if not await self._change(ref, lambda live: documents.scaled(live, replicas, manager), durable=True):
            raise NotFoundError(f"no {ref}")

    async def write_status(self, ref: Ref, status: AnyStatus) -> bool:
        wanted = status.model_dump(mode="json", by_alias=True)
        return await self._change(ref, lambda live: documents.with_status(live, wanted))

    async def write_run(self, ref: Ref, run: RunStatus) -> bool:
        wanted = run.model_dump(mode="json", by_alias=True)
        return await self._change(ref, lambda live: documents.with_run(live, wanted))

    async def add_finalizer(self, ref: Ref, finalizer: str) -> None:
        await self._change(ref, lambda live: documents.with_finalizer(live, finalizer), durable=True)

    async def remove_finalizer(self, ref: Ref, finalizer: str) -> None:
        await self._change(ref, lambda live: documents.without_finalizer(live, finalizer), durable=True)

    async def delete(self, ref: Ref) -> None:
        now = self._now()
        await self._database.write(lambda sqlite: _delete(sqlite, ref, now))

    async def record_event(self, ref: Ref, *, kind: str, reason: str, message: str) -> None:
        now = self._now()
        await self._database.write(lambda sqlite: _tell(sqlite, ref, (kind, reason, message), now), durable=False)

    async def events(self, ref: Ref) -> Sequence[Event]:
        """What was told of the object, the latest last."""

        def work(sqlite: sqlite3.Connection) -> Sequence[Event]:
            rows = sqlite.execute(
                "SELECT type, reason, message, count, first_at, last_at FROM events"
                " WHERE kind = ? AND namespace = ? AND name = ? ORDER BY last_at, id",
                _key(ref),
            )
            return [
                Event(type_, reason, message, count, datetime.fromisoformat(first), datetime.fromisoformat(latest))
                for type_, reason, message, count, first, latest in rows
            ]

        return await self._database.read(work)

    async def changes(self) -> AsyncIterator[Ref]:
        last = 0
        first = True
        while not self._database.closed:
            seen = self._database.version
            found = await self._database.read(partial(_changed_since, last))
            for version, ref, exists in found:
                last = version
                if exists or not first:
                    yield ref
            first = False
            if len(found) < _PAGE:
                await self._database.changed(_LOOK_SECONDS, since=seen)

    async def gone(self) -> Sequence[Ref]:
        """What was here once and was deleted, the latest last: `changes` tells it only to those who listened then."""
        found = await self._database.read(_gone)
        return [Ref(Kind(kind), namespace, name) for kind, namespace, name in found]

    async def close(self) -> None:
        """Finish what was begun and close the file; readers of `changes` come to their end."""
        await self._database.close()

    def _parse(self, ref: Ref, text: str, version: int) -> AnyResource:
        known = self._parsed.get(ref)
        if known is None or known[0] != version:
            known = self._parsed[ref] = version, documents.to_resource(_load(text, version))
        return known[1]

    async def _change(self, ref: Ref, change: Callable[[Document], Document], *, durable: bool = False) -> bool:
        """Replace the object; False when there is none. What can be worked out again is not forced to disk."""
        now = self._now()

        def work(sqlite: sqlite3.Connection) -> bool:
            live = _find(sqlite, ref)
            if live is None:
                return False
            document = change(live)
            _save(sqlite, document, live)
            if "deletionTimestamp" in documents.metadata_of(document) and not documents.finalizers_of(document):
                _delete(sqlite, ref, now)
            return True

        return await self._database.write(work, durable=durable)

    def _now(self) -> str:
        return self._clock.now().isoformat()


def _key(ref: Ref) -> tuple[str, str, str]:
    return (ref.kind, ref.namespace, ref.name)


def _load(text: str, version: int) -> Document:
    document: Document = json.loads(text)
    documents.metadata_of(document)["resourceVersion"] = str(version)
    return document


def _row(sqlite: sqlite3.Connection, ref: Ref) -> tuple[str, int] | None:
    """The object's text and version."""
    query = "SELECT document, version FROM objects WHERE kind = ? AND namespace = ? AND name = ?"
    row: tuple[str, int] | None = sqlite.execute(query, _key(ref)).fetchone()
    return row


def _find(sqlite: sqlite3.Connection, ref: Ref) -> Document | None:
    row = _row(sqlite, ref)
    return _load(*row) if row else None


def _note(sqlite: sqlite3.Connection, ref: Ref) -> int:
    """A change of the object happened; its number."""
    return sqlite.execute("INSERT INTO changes (kind, namespace, name) VALUES (?, ?, ?)", _key(ref)).lastrowid or 0


def _save(sqlite: sqlite3.Connection, document: Document, live: Document | None) -> None:
    if document == live:
        return
    ref, uid = documents.ref_of(document), str(documents.metadata_of(document)["uid"])
    sqlite.execute(
        "INSERT OR REPLACE INTO objects VALUES (?, ?, ?, ?, ?, ?)",
        (*_key(ref), uid, _note(sqlite, ref), documents.to_text(document)),
    )
    sqlite.execute("DELETE FROM owners WHERE child = ?", (uid,))
    sqlite.executemany("INSERT INTO owners VALUES (?, ?)", ((uid, owner) for owner in documents.owners_of(document)))


def _orphaned(sqlite: sqlite3.Connection, document: Document) -> bool:
    """Whether all its owners are gone: a child written just after its owner went would otherwise stay for ever."""
    owners = documents.owners_of(document)
    query = "SELECT 1 FROM objects WHERE uid = ?"
    return bool(owners) and not any(sqlite.execute(query, (owner,)).fetchone() for owner in owners)


def _delete(sqlite: sqlite3.Connection, ref: Ref, now: str) -> None:
    """Remove the object and what it owns, or mark it when a finalizer holds it."""
    live = _find(sqlite, ref)
    if live is None:
        return
    if documents.finalizers_of(live):
        _save(sqlite, documents.doomed(live, now), live)
        return
    uid = str(documents.metadata_of(live)["uid"])
    for table in ("objects", "events"):
        sqlite.execute(f"DELETE FROM {table} WHERE kind = ? AND namespace = ? AND name = ?", _key(ref))
    sqlite.execute("DELETE FROM owners WHERE child = ?", (uid,))
    _note(sqlite, ref)
    children = sqlite.execute(
        "SELECT kind, namespace, name, document FROM objects WHERE uid IN (SELECT child FROM owners WHERE owner = ?)",
        (uid,),
    ).fetchall()
    for kind, namespace, name, text in children:
        if _orphaned(sqlite, json.loads(text)):
            _delete(sqlite, Ref(Kind(kind), namespace, name), now)


def _tell(sqlite: sqlite3.Connection, ref: Ref, told: tuple[str, str, str], now: str) -> None:
    sqlite.execute(
        "INSERT INTO events (kind, namespace, name, type, reason, message, count, first_at, last_at)"
        " VALUES (?, ?, ?, ?, ?, ?, 1, ?, ?)"
        " ON CONFLICT (kind, namespace, name, type, reason, message)"
        " DO UPDATE SET count = count + 1, last_at = excluded.last_at",
        (*_key(ref), *told, now, now),
    )
    sqlite.execute(
        "DELETE FROM events WHERE id IN (SELECT id FROM events WHERE kind = ? AND namespace = ? AND name = ?"
        " ORDER BY last_at DESC, id DESC LIMIT -1 OFFSET ?)",
        (*_key(ref), EVENTS_KEPT),
    )


def _gone(sqlite: sqlite3.Connection) -> Sequence[tuple[str, str, str]]:
    return sqlite.execute(
        "SELECT kind, namespace, name FROM changes c WHERE NOT EXISTS (SELECT 1 FROM objects o WHERE o.kind = c.kind"
        " AND o.namespace = c.namespace AND o.name = c.name) ORDER BY version"
    ).fetchall()


def _changed_since(version: int, sqlite: sqlite3.Connection) -> Sequence[tuple[int, Ref, bool]]:
    rows = sqlite.execute(
        "SELECT version, kind, namespace, name, EXISTS (SELECT 1 FROM objects o WHERE o.kind = c.kind"
        " AND o.namespace = c.namespace AND o.name = c.name) FROM changes c"
        " WHERE version > ? ORDER BY version LIMIT ?",
        (version, _PAGE),
    )
    return [(number, Ref(Kind(kind), namespace, name), bool(exists)) for number, kind, namespace, name, exists in rows]
