"""A working copy on disk: read into entries, written from blobs. Follows no symbolic link, in either direction."""

import contextlib
import errno
import hashlib
import os
import stat
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from aios.spec.vocabulary import Privacy
from aios.workspace import removal
from aios.workspace.manifest import FileEntry, Manifest
from aios.workspace.paths import (
    MAX_FILES,
    UnsafePathError,
    WorkspaceLimitError,
    check_depth,
    check_size,
    check_totals,
    locate,
    safe_path,
)

IGNORED = frozenset({"__pycache__"})
"""Folders that commands leave behind and nobody asked for."""
_OF_THE_MACHINE = frozenset(
    {
        *(errno.EMFILE, errno.ENFILE, errno.ENOMEM),
        *(errno.ENOSPC, errno.EDQUOT, errno.EIO),
        *(errno.ENODEV, errno.ENXIO, errno.ENOTCONN, errno.ESTALE, errno.ETIMEDOUT),
    }
)
"""Too little of something, a broken disk, a volume that went away: nothing that a command did to its folder."""
remove = removal.remove
"""Of a working copy: with all it holds, however it was protected; links in it are removed, not followed."""


@dataclass(frozen=True, slots=True)
class Scanned:
    """What a folder holds, with the bytes of every content that was not known before."""

    manifest: Manifest
    new_blobs: Mapping[str, bytes]


def scan(folder: Path, base: Manifest, label: Privacy) -> Scanned:
    """Read `folder`; files that differ from `base` carry `label`, the others keep theirs.

    Raises UnsafePathError for symbolic links, special files, what cannot be read and folders too deep to be kept,
    WorkspaceLimitError for too much of anything.
    """
    known = {entry.sha256 for entry in base.files.values()}
    files: dict[str, FileEntry] = {}
    blobs: dict[str, bytes] = {}
    total = 0
    for path, place, status in _walk(folder):
        check_size(path, status.st_size)
        data = _read(path, place)
        total += len(data)
        check_totals(len(files) + 1, total)
        sha256 = hashlib.sha256(data).hexdigest()
        entry = FileEntry(sha256, len(data), bool(status.st_mode & 0o100), label)
        before = base.files.get(path)
        files[path] = before if before is not None and before.content == entry.content else entry
        if sha256 not in known:
            blobs[sha256] = data
    return Scanned(Manifest(files), blobs)


def _walk(folder: Path) -> list[tuple[str, Path, os.stat_result]]:
    """Every plain file as (path, place, status), in the order of paths."""
    found: list[tuple[str, Path, os.stat_result]] = []
    pending = [folder]
    while pending:
        parent = pending.pop()
        for place in _children(parent.relative_to(folder).as_posix(), parent):
            # Looked at here and not afterwards: a command may have left a million.
            check_totals(len(found), 0)
            if len(pending) > MAX_FILES:
                raise WorkspaceLimitError(f"more than {MAX_FILES:,} folders: delete what is not needed")
            path = place.relative_to(folder).as_posix()
            status = _status(path, place)
            if stat.S_ISDIR(status.st_mode):
                if place.name not in IGNORED:
                    check_depth(path)
                    pending.append(place)
            elif stat.S_ISREG(status.st_mode):
                found.append((safe_path(path), place, status))
            else:
                raise UnsafePathError(f"{path!r} is a link or special file; only plain files are kept: remove it")
    return sorted(found, key=lambda item: item[0])


def _children(path: str, folder: Path) -> Iterator[Path]:
    with _readable(path), os.scandir(folder) as entries:
        for entry in entries:
            yield Path(entry.path)


def _status(path: str, place: Path) -> os.stat_result:
    with _readable(path):  # a folder may tell its names to who may not enter it
        return place.lstat()


def _read(path: str, place: Path) -> bytes:
    """The file's bytes; opened without following links, since a link may have taken its place meanwhile."""
    with _readable(path), os.fdopen(os.open(place, os.O_RDONLY | os.O_NOFOLLOW), "rb") as file:
        return file.read()


@contextlib.contextmanager
def _readable(path: str) -> Iterator[None]:
    """Raises UnsafePathError when `path` is what cannot be read; what ails the machine passes as it is."""
    try:
        yield
    except OSError as error:
        if error.errno in _OF_THE_MACHINE:
            raise
        reason = error.strerror or error
        raise UnsafePathError(f"{path!r} cannot be read: {reason}: make it readable or remove it") from error


def empty(folder: Path) -> None:
    """Make `folder` an empty one, whatever stood in it, however it was protected."""
    remove(folder)
    folder.mkdir(parents=True)


def write(folder: Path, manifest: Manifest, blobs: Mapping[str, bytes]) -> None:
    """Write every file of `manifest` below `folder`; nothing else there is touched."""
    made: set[Path] = set()
    for path, entry in manifest.files.items():
        place = locate(folder, path)
        if place.parent not in made:
            place.parent.mkdir(parents=True, exist_ok=True)
            made.add(place.parent)
        place.write_bytes(blobs[entry.sha256])
        place.chmod(0o755 if entry.executable else 0o644)


def shas(manifest: Manifest) -> Collection[str]:
    """Every content the manifest names, once."""
    return {entry.sha256 for entry in manifest.files.values()}
