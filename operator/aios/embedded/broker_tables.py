"""The broker's tables and the transactions on them, without any waiting.

A message is one row until it is settled. In somebody's hand it carries who holds it (`owner`: the process, `consumer`:
the place in it) and how often it was delivered; a settlement names all three, so one that comes too late finds nothing.
"""

import json
import sqlite3
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from aios.embedded.sqlite import Schema
from aios.errors import UnroutableError
from aios.naming import dead_letter_queue
from aios.ports.broker import Message

SCHEMA = Schema(
    1,
    (
        "CREATE TABLE queues (name TEXT PRIMARY KEY, dead_letters TEXT) WITHOUT ROWID",
        "CREATE TABLE messages (id INTEGER PRIMARY KEY AUTOINCREMENT, queue TEXT NOT NULL, message TEXT NOT NULL,"
        " body TEXT NOT NULL, deliveries INTEGER NOT NULL DEFAULT 0, owner TEXT, consumer TEXT)",
        "CREATE INDEX messages_waiting ON messages (queue, id) WHERE owner IS NULL",
        "CREATE INDEX messages_held ON messages (owner) WHERE owner IS NOT NULL",
    ),
)


@dataclass(frozen=True, slots=True)
class Taken:
    """A message in a hand."""

    id: int
    queue: str
    consumer: str
    deliveries: int
    message: Message


def exists(sqlite: sqlite3.Connection, queue: str) -> bool:
    """Whether the queue is there; its dead-letter queue comes and goes with it."""
    return sqlite.execute("SELECT 1 FROM queues WHERE name = ?", (queue,)).fetchone() is not None


def ensure_queue(sqlite: sqlite3.Connection, queue: str) -> None:
    """Make the queue and its dead-letter queue."""
    dead = dead_letter_queue(queue)
    rows = ((queue, dead), (dead, None))
    sqlite.executemany("INSERT INTO queues VALUES (?, ?) ON CONFLICT (name) DO NOTHING", rows)


def delete_queue(sqlite: sqlite3.Connection, queue: str) -> None:
    """Remove both with what is in them."""
    names = (queue, dead_letter_queue(queue))
    sqlite.execute("DELETE FROM messages WHERE queue IN (?, ?)", names)
    sqlite.execute("DELETE FROM queues WHERE name IN (?, ?)", names)


def queues(sqlite: sqlite3.Connection) -> Mapping[str, int]:
    """Every queue that is not for dead letters, with how many messages wait in it."""
    rows = sqlite.execute(
        "SELECT name, (SELECT count(*) FROM messages WHERE queue = name AND owner IS NULL) FROM queues"
        " WHERE dead_letters IS NOT NULL ORDER BY name"
    )
    return dict(rows.fetchall())


def dead_letters(sqlite: sqlite3.Connection, queue: str) -> tuple[Message, ...]:
    """What no consumer could settle, oldest first, at most 1,000."""
    rows = sqlite.execute(
        "SELECT message, body FROM messages WHERE queue = ? ORDER BY id LIMIT 1000", (dead_letter_queue(queue),)
    )
    return tuple(Message(message, json.loads(body)) for message, body in rows)


def require(sqlite: sqlite3.Connection, queue: str) -> None:
    """Raise UnroutableError unless the queue exists."""
    if not exists(sqlite, queue):
        raise UnroutableError(f"no queue {queue}: is the team whose member it belongs to applied?")


def publish(sqlite: sqlite3.Connection, queue: str, message: str, body: str) -> None:
    """Put a message in."""
    require(sqlite, queue)
    sqlite.execute("INSERT INTO messages (queue, message, body) VALUES (?, ?, ?)", (queue, message, body))


def waiting(sqlite: sqlite3.Connection, names: Collection[str]) -> bool:
    """Whether a message waits in any of the queues."""
    query = "SELECT 1 FROM messages WHERE queue = ? AND owner IS NULL LIMIT 1"
    return any(sqlite.execute(query, (name,)).fetchone() for name in names)


def take(sqlite: sqlite3.Connection, owner: str, wanted: Mapping[str, Sequence[str]]) -> list[Taken]:
    """One message for each consumer named under its queue, as far as they go."""
    taken: list[Taken] = []
    for queue, consumers in wanted.items():
        rows = sqlite.execute(
            "SELECT id, deliveries + 1, message, body FROM messages WHERE queue = ? AND owner IS NULL"
            " ORDER BY id LIMIT ?",
            (queue, len(consumers)),
        ).fetchall()
        for consumer, (id_, deliveries, message, body) in zip(consumers, rows, strict=False):
            taken.append(Taken(id_, queue, consumer, deliveries, Message(message, json.loads(body))))
    sqlite.executemany(
        "UPDATE messages SET owner = ?, consumer = ?, deliveries = ? WHERE id = ?",
        ((owner, one.consumer, one.deliveries, one.id) for one in taken),
    )
    return taken


def put_back(sqlite: sqlite3.Connection, owner: str, taken: Sequence[Taken]) -> None:
    """Undo `take` for messages that reached nobody: not even the delivery counts."""
    sqlite.executemany(
        "UPDATE messages SET owner = NULL, consumer = NULL, deliveries = deliveries - 1"
        " WHERE id = ? AND owner = ? AND consumer = ? AND deliveries = ?",
        ((one.id, owner, one.consumer, one.deliveries) for one in taken),
    )


def ack(sqlite: sqlite3.Connection, owner: str, one: Taken) -> None:
    """Forget a message that is still in this hand."""
    sqlite.execute(
        "DELETE FROM messages WHERE id = ? AND owner = ? AND consumer = ? AND deliveries = ?",
        (one.id, owner, one.consumer, one.deliveries),
    )


def nack(sqlite: sqlite3.Connection, owner: str, one: Taken, limit: int) -> None:
    """Give back a message that is still in this hand; with `limit` 0 to the dead letters in any case."""
    _release(sqlite, "owner = ? AND consumer = ? AND id = ? AND deliveries = ?", limit, owner, one.consumer, one.id,
             one.deliveries)  # fmt: skip


def release_consumer(sqlite: sqlite3.Connection, owner: str, consumer: str, limit: int) -> None:
    """Give back all that a consumer holds."""
    _release(sqlite, "owner = ? AND consumer = ?", limit, owner, consumer)


def release_owners(sqlite: sqlite3.Connection, owners: Collection[str], limit: int) -> None:
    """Give back all that processes hold."""
    for owner in owners:
        _release(sqlite, "owner = ?", limit, owner)


def owners(sqlite: sqlite3.Connection) -> Sequence[str]:
    """Every process that holds a message."""
    return [row[0] for row in sqlite.execute("SELECT DISTINCT owner FROM messages WHERE owner IS NOT NULL")]


def _release(sqlite: sqlite3.Connection, condition: str, limit: int, *parameters: str | int) -> None:
    """Back to the queue, or, what was delivered `limit` times, to the dead letters. Dead letters never die again."""
    sqlite.execute(
        "UPDATE messages SET owner = NULL, consumer = NULL, queue = CASE WHEN deliveries >= ? THEN"
        " coalesce((SELECT dead_letters FROM queues WHERE name = queue), queue) ELSE queue END"
        f" WHERE {condition}",
        (limit, *parameters),
    )
