"""Where costly things are kept: outside the tree, so that every clone of one user shares them.

Every entry carries its versions in its name; nothing is ever changed in place, so a reader needs no lock.
"""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


def cache_folder() -> Path:
    """`aios/` below `$AIOS_TEST_CACHE`, else `$XDG_CACHE_HOME`, else `~/.cache`. It need not exist."""
    base = os.environ.get("AIOS_TEST_CACHE") or os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base).resolve() / "aios"


@contextmanager
def build_folder(entry: Path, say: Callable[[str], None]) -> Iterator[Path]:
    """An empty folder beside `entry`, on its file system, for the one process that may fill `entry` now.

    Finished parts are renamed out of it; the rest vanishes with it. What a killed builder left goes first.
    """
    entry.mkdir(parents=True, exist_ok=True)
    lock = entry.with_name(entry.name + ".lock")
    with lock.open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"another process is filling {entry}: waiting for it")
            fcntl.flock(handle, fcntl.LOCK_EX)
        for leftover in entry.glob(".building-*"):
            shutil.rmtree(leftover, ignore_errors=True)
        with tempfile.TemporaryDirectory(prefix=".building-", dir=entry) as folder:
            yield Path(folder)
