"""How much memory a command may use beside us, where a container's limit bounds us both.

A command that takes more than that is not what the kernel ends: Kubernetes lets it end the container as a whole
(memory.oom.group), worker and task included, and whoever claims the task next runs the same command. So a command gets
what is left as a limit of its own and fails alone, with an error that the agent can read.
Reads cgroups only; where there is none, or none with a limit, there is nothing to share.
"""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath

MARGIN = 64 * 1024**2
"""Bytes that stay free: the warden, what the worker takes meanwhile, what the kernel counts for both."""
LEAST = 64 * 1024**2
"""Bytes without which nothing starts: a container too small for that was too small before."""
HUGE = 1 << 60
"""Version 1 spells "no limit" as the largest multiple of a page; no machine has as much as this."""
ROOT = Path("/")


def share(root: Path = ROOT) -> int | None:
    """Bytes a command may use now, at least LEAST; None where nothing limits the memory of this process's cgroup.

    `root` is where /proc and /sys stand.
    """
    limit = limit_of_container(root)
    return None if limit is None else max(LEAST, limit - _resident(root) - MARGIN)


def limit_of_container(root: Path = ROOT) -> int | None:
    """The smallest limit in bytes on this process's cgroup and those above it, as far as they are seen from here."""
    found = [limit for file in _files(root) if (limit := _number(file)) is not None]
    return min(found, default=None)


def _files(root: Path) -> Iterator[Path]:
    """Where a limit may stand. In a container /proc may name the cgroup as the host does, whose path is not there."""
    for line in _text(root / "proc/self/cgroup").splitlines():
        number, controllers, path = [*line.split(":", 2), "", ""][:3]
        if number == "0" and not controllers:
            for mount in ("sys/fs/cgroup", "sys/fs/cgroup/unified"):
                yield from (root / mount / above / "memory.max" for above in _upward(path))
        elif "memory" in controllers.split(","):
            yield from (root / "sys/fs/cgroup/memory" / above / "memory.limit_in_bytes" for above in _upward(path))


def _upward(path: str) -> Iterable[PurePosixPath]:
    own = PurePosixPath(path.lstrip("/"))
    return (own, *own.parents)


def _number(file: Path) -> int | None:
    text = _text(file).strip()
    value = int(text) if text.isdecimal() else HUGE
    return value if value < HUGE else None


def _resident(root: Path) -> int:
    """Bytes of memory that this process holds; 0 where nobody tells."""
    fields = _text(root / "proc/self/statm").split()
    return int(fields[1]) * os.sysconf("SC_PAGE_SIZE") if len(fields) > 1 else 0


def _text(file: Path) -> str:
    """Nothing where there is no such file, or none that we may read: then it limits nothing that we know of."""
    try:
        return file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
