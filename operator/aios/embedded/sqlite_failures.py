"""What SQLite's errors mean to whoever called: wait, make room, or put the file right.

Damage is met where a page is read, perhaps long after the file was opened. So it is told wherever it is met, naming
the file: an error of SQLite does not say of which one it speaks.
"""

import sqlite3
from pathlib import Path

from aios.errors import AiosError, DiskFullError, EnvironmentProblemError, ServiceUnavailableError

_MADE_ANEW = frozenset({"broker.db", "sessions.db", "leases.db", "counters.db"})
"""Of a state folder: what these hold may vanish, and is rebuilt from the journal or begins anew."""


def is_damage(error: BaseException) -> bool:
    """Whether the file is not what SQLite wrote. For these (SQLITE_CORRUPT, SQLITE_NOTADB) Python has no class of their
    own; the subclasses are locks, full disks, constraints, and defects of ours."""
    return type(error) is sqlite3.DatabaseError


def to_failure(path: Path, error: BaseException) -> AiosError:
    """What to raise instead: EnvironmentProblemError for damage, DiskFullError, else ServiceUnavailableError."""
    if is_damage(error):
        return EnvironmentProblemError(f"{path} is damaged, or no file of ours ({error}): {_remedy(path)}")
    if isinstance(error, sqlite3.OperationalError) and error.sqlite_errorcode == sqlite3.SQLITE_FULL:
        return DiskFullError(path, str(error))
    return ServiceUnavailableError(f"{path}: {error}")


def _remedy(path: Path) -> str:
    files = f"it with {path.name}-wal and {path.name}-shm"
    if path.name in _MADE_ANEW:
        return f"stop what uses it and remove {files}; what it held is made anew"
    return f"stop what uses it and restore {files} from a backup"
