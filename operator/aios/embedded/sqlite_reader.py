"""A connection that only reads, for the thread that made it: a look without asking another thread, and without waiting.

What it cannot answer at once is for the database's worker thread.
"""

import contextlib
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote

from aios.embedded.sqlite_failures import is_damage, to_failure

T = TypeVar("T")
Work = Callable[[sqlite3.Connection], T]


class NotNowError(Exception):
    """Not without waiting, or not in this thread."""


class Reader:
    """One such connection."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._thread = threading.get_ident()
        self._sqlite: sqlite3.Connection | None = None
        with contextlib.suppress(sqlite3.OperationalError):
            place = f"file:{quote(str(path))}?mode=ro"
            self._sqlite = sqlite3.connect(
                place, uri=True, timeout=0, isolation_level=None, check_same_thread=False
            )  # `close` may come from another thread

    def read(self, work: Work[T]) -> T:
        """Run `work` at once. Raises NotNowError, EnvironmentProblemError when the file is damaged, and what `work`
        raises."""
        if self._sqlite is None or threading.get_ident() != self._thread:
            raise NotNowError
        try:
            self._sqlite.execute("BEGIN")
            try:
                return work(self._sqlite)
            finally:
                self._sqlite.execute("ROLLBACK")
        except sqlite3.OperationalError as error:
            raise NotNowError from error
        except sqlite3.DatabaseError as error:
            if is_damage(error):
                raise to_failure(self._path, error) from error
            raise

    def close(self) -> None:
        if self._sqlite is not None:
            self._sqlite.close()
            self._sqlite = None
