"""Which paths a workspace holds: relative, plain, bounded. Refuses everything that could point out of the folder."""

import re
from functools import lru_cache
from pathlib import Path, PurePosixPath

from aios.errors import AiosError

MAX_PATH = 512
SHOWN = 60
"""Characters of a path that is too long, in what is said of it."""
MAX_FILES = 5_000
MAX_FILE_BYTES = 32 * 1024 * 1024
MAX_TOTAL_BYTES = 256 * 1024 * 1024
_UNKEPT = re.compile(r"[\x00-\x1f\ud800-\udfff\\]")


class UnsafePathError(AiosError):
    """A path that is absolute, climbs out of the workspace, or is no plain file."""


class WorkspaceLimitError(AiosError):
    """More or larger files than a workspace holds."""


@lru_cache(maxsize=8192)
def safe_path(path: str) -> str:
    """`path` as manifests spell it: relative, `/` between parts. Raises UnsafePathError saying what is wrong."""
    if not path or len(path) > MAX_PATH:
        raise UnsafePathError(f"{_begin(path)}: a path has 1 to {MAX_PATH} characters, this one has {len(path)}")
    if _UNKEPT.search(path):
        raise UnsafePathError(f"{path!r}: control characters, backslashes and names that are not UTF-8 are not kept")
    if path.startswith("/"):
        raise UnsafePathError(f"{path!r} is absolute: name it relative to the workspace")
    parts = PurePosixPath(path).parts
    if ".." in parts or not parts:
        raise UnsafePathError(f"{path!r} leaves the workspace")
    if any(len(part.encode()) > 255 for part in parts):
        raise UnsafePathError(f"{path!r}: a file name has at most 255 bytes")
    return "/".join(parts)


def locate(folder: Path, path: str) -> Path:
    """Where `path` lies below `folder`. Raises UnsafePathError when a part of it is a symbolic link."""
    found = folder
    for part in safe_path(path).split("/"):
        found = found / part
        if found.is_symlink():
            raise UnsafePathError(f"{path!r} passes a symbolic link, which is never followed")
    return found


def check_depth(path: str) -> None:
    """Raises UnsafePathError when no file in the folder `path` could be kept. Bounds how deep a folder is looked into:
    a command may have nested them by the thousand."""
    if len(path) > MAX_PATH:
        raise UnsafePathError(
            f"{_begin(path)} is a folder deeper than a path of {MAX_PATH} characters reaches: remove it"
        )


def _begin(path: str) -> str:
    return repr(path) if len(path) <= SHOWN else f"{path[:SHOWN]!r}..."


def check_size(path: str, size: int) -> None:
    """Raises WorkspaceLimitError when a file is larger than a workspace keeps."""
    if size > MAX_FILE_BYTES:
        raise WorkspaceLimitError(
            f"{path!r} has {size:,} bytes, a file may have {MAX_FILE_BYTES:,}: delete or shrink it"
        )


def check_totals(count: int, size: int) -> None:
    """Raises WorkspaceLimitError when there are more files or bytes than a workspace keeps."""
    if count > MAX_FILES:
        raise WorkspaceLimitError(f"more than {MAX_FILES:,} files: delete what is not needed")
    if size > MAX_TOTAL_BYTES:
        raise WorkspaceLimitError(f"more than {MAX_TOTAL_BYTES:,} bytes of files: delete what is not needed")
