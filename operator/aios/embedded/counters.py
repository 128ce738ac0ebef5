"""Counters in one SQLite file. They can be rebuilt from the Journal, so they are not forced to disk."""

import sqlite3
from pathlib import Path

from aios.embedded.sqlite import Database, Schema

_SCHEMA = Schema(1, ("CREATE TABLE counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID",))


class SqliteCounters:
    """Counters; see the port for what is promised."""

    def __init__(self, path: Path) -> None:
        self._database = Database(path, _SCHEMA)

    async def get(self, name: str) -> int | None:
        return await self._database.read(lambda sqlite: _get(sqlite, name))

    async def seed(self, name: str, value: int) -> int:
        def work(sqlite: sqlite3.Connection) -> int:
            sqlite.execute("INSERT INTO counters VALUES (?, ?) ON CONFLICT (name) DO NOTHING", (name, value))
            found = _get(sqlite, name)
            return value if found is None else found

        return await self._database.write(work, durable=False)

    async def add(self, name: str, amount: int, *, limit: int | None = None) -> int | None:
        def work(sqlite: sqlite3.Connection) -> int | None:
            old = _get(sqlite, name)
            if old is None or (limit is not None and old + amount > limit):
                return old
            sqlite.execute("UPDATE counters SET value = ? WHERE name = ?", (old + amount, name))
            return old + amount

        return await self._database.write(work, durable=False)

    async def close(self) -> None:
        """Finish what was begun and close the file."""
        await self._database.close()


def _get(sqlite: sqlite3.Connection, name: str) -> int | None:
    row = sqlite.execute("SELECT value FROM counters WHERE name = ?", (name,)).fetchone()
    return int(row[0]) if row else None
