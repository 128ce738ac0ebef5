"""What must hold before a workspace's files are written beside others: nothing of somebody else's is changed or run,
and nothing that agents wrote is taken for configuration.

Looked at for every file before the first is written. The folder is marked, and from then on no `aios up` reads YAML
in it; so one that holds YAML of somebody's own is refused, for the mark would hide that too. Refuses to reach into a
git repository: what lies in `.git/hooks` runs at the next commit, what `.git/config` names at the next `git status`,
and git shows neither.
"""

import hashlib
import os
from pathlib import Path

from aios.errors import EnvironmentProblemError
from aios.spec.sources import EXPORT_MARKER, files_below, is_exported
from aios.workspace.manifest import FileEntry, Manifest
from aios.workspace.paths import UnsafePathError, locate

GIT = ".git"
MARK = (
    "What agents made: `aios workspace export` wrote it here. While this file is here, aios reads no YAML in this "
    "folder unless a file of it is named.\n"
)


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
    if (yaml := _yaml_of_others(folder, manifest)) is not None:
        raise EnvironmentProblemError(
            f"{folder} holds YAML of its own ({yaml}), and what agents wrote must not be read as configuration beside "
            f"it. Name a folder that holds none, such as {_sibling(folder)}."
        )
    differing = _differing(folder, manifest)
    if differing:
        names = ", ".join(differing[:5]) + (" ..." if len(differing) > 5 else "")
        raise EnvironmentProblemError(f"{folder} has other files of the same names: {names}. Name another folder.")


def make_marked(folder: Path, manifest: Manifest) -> None:
    """Make `folder` and leave the marker in it, before the first file: an `aios up` that watches may look at once."""
    folder.mkdir(parents=True, exist_ok=True)
    if is_exported(folder):
        return
    marker = folder / EXPORT_MARKER
    if any(path.startswith(f"{EXPORT_MARKER}/") for path in manifest.files):  # agents may name their folders so
        marker.mkdir()
    else:
        marker.write_text(MARK, encoding="utf-8")


def _yaml_of_others(folder: Path, manifest: Manifest) -> str | None:
    """A file in `folder` that aios would read and that is none of those to be written; None where no reader looks."""
    if is_exported(folder):
        return None
    inside = (path.relative_to(folder).as_posix() for path in files_below(folder))
    return next((path for path in inside if path not in manifest.files), None)


def _sibling(folder: Path) -> str:
    return f"{folder.resolve()}-export"


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
