"""A working copy on disk: read into entries, written from blobs. Follows no symbolic link, in either direction."""

import hashlib
import os
import shutil
import stat
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from aios.spec.vocabulary import Privacy
from aios.workspace.manifest import FileEntry, Manifest
from aios.workspace.paths import (
    MAX_FILES,
    UnsafePathError,
    WorkspaceLimitError,
    check_size,
    check_totals,
    locate,
    safe_path,
)

IGNORED = frozenset({"__pycache__"})
"""Folders that commands leave behind and nobody asked for."""


@dataclass(frozen=True, slots=True)
class Scanned:
    """What a folder holds, with the bytes of every content that was not known before."""

    manifest: Manifest
    new_blobs: Mapping[str, bytes]


def scan(folder: Path, base: Manifest, label: Privacy) -> Scanned:
    """Read `folder`; files that differ from `base` carry `label`, the others keep theirs.

    Raises UnsafePathError for symbolic links and special files, WorkspaceLimitError for too much of anything.
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
        for place in _children(pending.pop()):
            # Looked at here and not afterwards: a command may have left a million.
            check_totals(len(found), 0)
            if len(pending) > MAX_FILES:
                raise WorkspaceLimitError(f"more than {MAX_FILES:,} folders: delete what is not needed")
            path = place.relative_to(folder).as_posix()
            status = place.lstat()
            if stat.S_ISDIR(status.st_mode):
                if place.name not in IGNORED:
                    pending.append(place)
            elif stat.S_ISREG(status.st_mode):
                found.append((safe_path(path), place, status))
            else:
                raise UnsafePathError(f"{path!r} is a link or special file; only plain files are kept: remove it")
    return sorted(found, key=lambda item: item[0])


def _children(folder: Path) -> Iterator[Path]:
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                yield Path(entry.path)
    except PermissionError as error:
        raise UnsafePathError(f"{folder.name!r} cannot be read: make it readable or remove it") from error


def _read(path: str, place: Path) -> bytes:
    """The file's bytes; opened without following links, since a link may have taken its place meanwhile."""
    try:
        descriptor = os.open(place, os.O_RDONLY | os.O_NOFOLLOW)
    except PermissionError as error:
        raise UnsafePathError(f"{path!r} cannot be read: make it readable or remove it") from error
    with os.fdopen(descriptor, "rb") as file:
        return file.read()


def empty(folder: Path) -> None:
    """Make `folder` an empty one, whatever stood in it, however it was protected."""
    remove(folder)
    folder.mkdir(parents=True)


def remove(folder: Path) -> None:
    """Remove `folder` with all it holds; links in it are removed, not followed."""
    if folder.is_symlink():
        folder.unlink()
    elif folder.exists():
        shutil.rmtree(folder, onerror=_unlock)


def _unlock(act: Callable[..., object], path: str, _problem: object) -> None:
    """A command may have taken our rights on its folders away; give them back and try once more."""
    parent = Path(path).parent
    parent.chmod(0o700)
    if not Path(path).is_symlink() and Path(path).is_dir():
        Path(path).chmod(0o700)
        shutil.rmtree(path, ignore_errors=True)
        return
    act(path)


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


def differing(folder: Path, manifest: Manifest) -> tuple[str, ...]:
    """Paths of `manifest` that exist below `folder` with other content, sorted."""
    return tuple(path for path in sorted(manifest.files) if _differs(locate(folder, path), manifest.files[path]))


def _differs(place: Path, entry: FileEntry) -> bool:
    if not place.exists():
        return False
    return not place.is_file() or hashlib.sha256(place.read_bytes()).hexdigest() != entry.sha256


def shas(manifest: Manifest) -> Collection[str]:
    """Every content the manifest names, once."""
    return {entry.sha256 for entry in manifest.files.values()}
