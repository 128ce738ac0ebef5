"""What must hold before a workspace's files are written beside others: nothing of somebody else's is changed or run.

Looked at for every file before the first is written. Refuses to reach into a git repository: what lies in `.git/hooks`
runs at the next commit, what `.git/config` names at the next `git status`, and git shows neither.
"""

import hashlib
import os
from pathlib import Path

from aios.errors import EnvironmentProblemError
from aios.workspace.manifest import FileEntry, Manifest
from aios.workspace.paths import UnsafePathError, locate

GIT = ".git"


def require_room(folder: Path, manifest: Manifest) -> None:
    """Raises EnvironmentProblemError, naming the files, when those of `manifest` cannot be written below `folder`."""
    if folder.exists() and not folder.is_dir():
        raise EnvironmentProblemError(f"{folder} is no folder. Name another one.")
    for path in sorted(manifest.files):
        repository = _repository(folder, path)
        if repository is not None:
            raise EnvironmentProblemError(
                f"{path!r} would be written into a git repository, {repository}, which runs what lies there. "
                "Name another folder, outside of it."
            )
    differing = _differing(folder, manifest)
    if differing:
        names = ", ".join(differing[:5]) + (" ..." if len(differing) > 5 else "")
        raise EnvironmentProblemError(f"{folder} has other files of the same names: {names}. Name another folder.")


def _repository(folder: Path, path: str) -> Path | None:
    """The git work tree whose `.git` the file would lie in: one around `folder`, or one that is in it already."""
    parts = path.split("/")
    git = next((number for number, part in enumerate(parts) if part.casefold() == GIT), None)
    if git is None:
        return None
    place = folder.resolve().joinpath(*parts[:git])
    return next((around for around in (place, *place.parents) if os.path.lexists(around / GIT)), None)


def _differing(folder: Path, manifest: Manifest) -> tuple[str, ...]:
    """Paths of `manifest` that cannot be written because of what is below `folder`, sorted."""
    try:
        return tuple(p for p in sorted(manifest.files) if _differs(folder, locate(folder, p), manifest.files[p]))
    except UnsafePathError as error:
        raise EnvironmentProblemError(f"{folder}: {error}. Name another folder.") from error


def _differs(folder: Path, place: Path, entry: FileEntry) -> bool:
    """Whether something else is there, or where one of its folders would be."""
    between = place.parents[: len(place.relative_to(folder).parts) - 1]
    if any(parent.exists() and not parent.is_dir() for parent in between):
        return True
    if not place.exists():
        return False
    return not place.is_file() or hashlib.sha256(place.read_bytes()).hexdigest() != entry.sha256
