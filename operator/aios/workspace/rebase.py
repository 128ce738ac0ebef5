"""Three-way rebase of manifests: my changes onto theirs, whole files only. Pure.

Refuses to merge within a file: agents' programs and prose rarely merge line by line into something that still
works, and a task that is done again on the new head costs less than a broken merge nobody looked at.
"""

from dataclasses import dataclass, replace
from itertools import pairwise

from aios.workspace.manifest import FileEntry, Manifest


@dataclass(frozen=True, slots=True)
class Rebased:
    """The result; with conflicts, `manifest` holds their side of each conflicting path."""

    manifest: Manifest
    conflicts: tuple[str, ...] = ()
    """Paths that both changed differently, sorted."""


def rebase(base: Manifest, theirs: Manifest, mine: Manifest) -> Rebased:
    """My changes since `base` applied to `theirs`.

    A path is a conflict when both changed it to different content (or one changed what the other deleted), and when
    it is a file on one side and a folder on the other.
    """
    merged: dict[str, FileEntry] = {}
    conflicts: set[str] = set()
    for path in base.files.keys() | theirs.files.keys() | mine.files.keys():
        before, their, my = base.files.get(path), theirs.files.get(path), mine.files.get(path)
        entry, agreed = _settle(before, their, my)
        if not agreed:
            conflicts.add(path)
        if entry is not None:
            merged[path] = entry
    conflicts.update(_files_as_folders(merged))
    return Rebased(Manifest(merged), tuple(sorted(conflicts)))


def _settle(before: FileEntry | None, their: FileEntry | None, my: FileEntry | None) -> tuple[FileEntry | None, bool]:
    """The entry to keep, and whether the two sides agree on it."""
    if _same(their, my):
        return _strictest(their, my), True
    if _same(before, my):
        return their, True
    if _same(before, their):
        return my, True
    return their, False


def _same(one: FileEntry | None, other: FileEntry | None) -> bool:
    return one is other or (one is not None and other is not None and one.content == other.content)


def _strictest(one: FileEntry | None, other: FileEntry | None) -> FileEntry | None:
    """The same content under the stricter of both labels."""
    if one is None or other is None:
        return None
    label = one.privacy.stricter(other.privacy)
    return one if label is one.privacy else replace(one, privacy=label)


def _files_as_folders(files: dict[str, FileEntry]) -> set[str]:
    """Paths that are a file and the folder of another file. Sorted by parts, such a file stands right before.

    The file within is not named: it may be one of a stricter label than whoever reads of the conflict.
    """
    found: set[str] = set()
    by_parts = sorted(path.split("/") for path in files)
    for shorter, longer in pairwise(by_parts):
        if longer[: len(shorter)] == shorter:
            found.add("/".join(shorter))
    return found
