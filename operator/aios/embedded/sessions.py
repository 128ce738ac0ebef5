"""Sessions in one SQLite file. Not forced to disk: what it holds may vanish at any time."""

import sqlite3
from collections.abc import Mapping
from pathlib import Path

from aios.embedded import expiry
from aios.embedded.sqlite import Database, Schema

_SCHEMA = Schema(
    1,
    (
        f"CREATE TABLE sessions (key TEXT PRIMARY KEY, value TEXT NOT NULL, {expiry.COLUMNS}) WITHOUT ROWID",
        "CREATE INDEX sessions_expires ON sessions (expires)",
    ),
)


class SqliteSessions:
    """Sessions; see the port for what is promised."""

    def __init__(self, path: Path, *, clock: expiry.Now = expiry.now) -> None:
        self._database = Database(path, _SCHEMA)
        self._clock = clock

    async def get(self, key: str) -> str | None:
        return await self._database.read(lambda sqlite: _get(sqlite, key, self._clock()))

    async def set(self, key: str, value: str, *, ttl: float) -> None:
        await self._database.write(
            lambda sqlite: _set(sqlite, key, value, expiry.until(self._clock, ttl)), durable=False
        )

    async def compare_and_set(self, key: str, expected: str | None, value: str, *, ttl: float) -> bool:
        def work(sqlite: sqlite3.Connection) -> bool:
            times = expiry.until(self._clock, ttl)
            same = _get(sqlite, key, times["now"]) == expected
            if same:
                _set(sqlite, key, value, times)
            return same

        return await self._database.write(work, durable=False)

    async def delete(self, key: str) -> None:
        def work(sqlite: sqlite3.Connection) -> None:
            sqlite.execute("DELETE FROM sessions WHERE key = ?", (key,))

        await self._database.write(work, durable=False)

    async def scan(self, prefix: str) -> Mapping[str, str]:
        def work(sqlite: sqlite3.Connection) -> Mapping[str, str]:
            rows = sqlite.execute(
                f"SELECT key, value FROM sessions WHERE key >= :first AND key < :last AND {expiry.LIVE} ORDER BY key",
                {"first": prefix, "last": prefix + "\U0010ffff", "now": self._clock()},
            )
            return dict(rows.fetchall())

        return await self._database.read(work)

    async def close(self) -> None:
        """Finish what was begun and close the file."""
        await self._database.close()


def _get(sqlite: sqlite3.Connection, key: str, now: float) -> str | None:
    query = f"SELECT value FROM sessions WHERE key = :key AND {expiry.LIVE}"
    row = sqlite.execute(query, {"key": key, "now": now}).fetchone()
    return str(row[0]) if row else None


def _set(sqlite: sqlite3.Connection, key: str, value: str, times: expiry.Times) -> None:
    sqlite.execute("DELETE FROM sessions WHERE expires <= :now OR key = :key", {"key": key, **times})
    sqlite.execute("INSERT INTO sessions VALUES (:key, :value, :expires, :ttl)", {"key": key, "value": value, **times})
