"""Locks that die with their process: flock on a file beside what it guards.

The kernel gives such a lock back whatever kills the holder, so there is nothing to clean up after a crash.
"""

import contextlib
import fcntl
import os
import random
import time
from collections.abc import Iterator
from pathlib import Path

from aios.errors import ServiceUnavailableError


def try_lock(path: Path, *, shared: bool = False) -> int | None:
    """The descriptor that holds the lock until it is closed; None when another holds it. Any number hold it `shared`,
    and then nobody else does.

    Taken on the file that stands at `path` now: if it was replaced or removed meanwhile, it is tried again.
    """
    kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
            if os.fstat(descriptor).st_ino == path.stat().st_ino:
                return descriptor
        except BlockingIOError:
            os.close(descriptor)
            return None
        except FileNotFoundError:
            pass
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)


def is_locked(path: Path) -> bool:
    """Whether somebody holds the lock alone. Looking makes no file: whoever removes the folder meanwhile would find it
    filled again."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def wait_for_lock(path: Path, *, patience: float, shared: bool = False) -> int:
    """The descriptor that holds the lock until it is closed; blocks this thread up to `patience` seconds, then
    raises ServiceUnavailableError."""
    deadline = time.monotonic() + patience
    pause = 0.0005
    while (descriptor := try_lock(path, shared=shared)) is None:
        if time.monotonic() > deadline:
            raise ServiceUnavailableError(f"{path}: another process has held it for {patience:g} seconds")
        time.sleep(random.uniform(0.0005, pause))
        pause = min(pause * 1.5, 0.01)
    return descriptor


@contextlib.contextmanager
def locked(path: Path, *, patience: float) -> Iterator[None]:
    """Hold the lock within the context; waits as `wait_for_lock` does."""
    descriptor = wait_for_lock(path, patience=patience)
    try:
        yield
    finally:
        os.close(descriptor)
