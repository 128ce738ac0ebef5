"""Leases in one SQLite file. Advisory, so not forced to disk."""

import sqlite3
from pathlib import Path

from aios.embedded import expiry
from aios.embedded.sqlite import Database, Schema

_SCHEMA = Schema(
    1,
    (
        f"CREATE TABLE leases (name TEXT PRIMARY KEY, holder TEXT NOT NULL, {expiry.COLUMNS}) WITHOUT ROWID",
        "CREATE INDEX leases_expires ON leases (expires)",
    ),
)


class SqliteLeases:
    """Leases; see the port for what is promised."""

    def __init__(self, path: Path, *, clock: expiry.Now = expiry.now) -> None:
        self._database = Database(path, _SCHEMA)
        self._clock = clock

    async def acquire(self, name: str, holder: str, *, ttl: float) -> bool:
        def work(sqlite: sqlite3.Connection) -> bool:
            times = expiry.until(self._clock, ttl)
            if _holder(sqlite, name, times["now"]) not in {None, holder}:
                return False
            parameters = {"name": name, "holder": holder, **times}
            sqlite.execute("DELETE FROM leases WHERE expires <= :now OR name = :name", parameters)
            sqlite.execute("INSERT INTO leases VALUES (:name, :holder, :expires, :ttl)", parameters)
            return True

        return await self._database.write(work, durable=False)

    async def release(self, name: str, holder: str) -> None:
        def work(sqlite: sqlite3.Connection) -> None:
            sqlite.execute("DELETE FROM leases WHERE name = ? AND holder = ?", (name, holder))

        await self._database.write(work, durable=False)

    async def holder(self, name: str) -> str | None:
        return await self._database.read(lambda sqlite: _holder(sqlite, name, self._clock()))

    async def close(self) -> None:
        """Finish what was begun and close the file."""
        await self._database.close()


def _holder(sqlite: sqlite3.Connection, name: str, now: float) -> str | None:
    query = f"SELECT holder FROM leases WHERE name = :name AND {expiry.LIVE}"
    row = sqlite.execute(query, {"name": name, "now": now}).fetchone()
    return str(row[0]) if row else None
