"""What must hold before a workspace's files are written beside others: nothing of somebody else's is changed or run,
and nothing that agents wrote is taken for configuration.

Looked at for every file before the first is written. The folder is marked, and from then on no `aios up` reads YAML
in it; so one that holds YAML of somebody's own is refused, for the mark would hide that too. What would make a git
repository is left out: what lies in `.git/hooks` runs at the next commit, what `.git/config` names at the next
`git status`, even at a prompt that shows the branch, and git shows neither.
"""

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

from aios.errors import EnvironmentProblemError
from aios.spec.sources import EXPORT_MARKER, exported_around, files_below, is_exported
from aios.workspace.manifest import FileEntry, Manifest
from aios.workspace.paths import UnsafePathError, locate

GIT = ".git"
# A folder with these three is a repository too, a bare one, whatever its name; HEAD is a file (gitrepository-layout).
_BARE = ("head", "objects", "refs")
MARK = (
    "What agents made: `aios workspace export` wrote it here. While this file is here, aios reads no YAML in this "
    "folder unless a file of it is named.\n"
)


def without_repositories(manifest: Manifest) -> Manifest:
    """`manifest` without what lies in a `.git`, and without the HEAD of what git would take for a bare repository.
    In capitals and small letters, as the disks of some machines do not tell them apart."""
    every = [path.casefold() for path in manifest.files]
    bare = frozenset.intersection(*(_beside(name, every) for name in _BARE))

    def is_harmless(path: str) -> bool:
        folder, _, name = path.rpartition("/")
        return GIT not in path.split("/") and not (name == _BARE[0] and folder in bare)

    return Manifest({path: entry for path, entry in manifest.files.items() if is_harmless(path.casefold())})


def _beside(name: str, paths: Sequence[str]) -> frozenset[str]:
    """The folders that hold a file or folder of that name; "" is the workspace itself."""
    parts = [path.split("/") for path in paths]
    return frozenset("/".join(each[:place]) for each in parts for place, part in enumerate(each) if part == name)


def require_room(folder: Path, manifest: Manifest) -> None:
    """Raises EnvironmentProblemError, naming the files, when those of `manifest` cannot be written below `folder`.
    With an empty manifest: when nothing can, whatever it is."""
    if folder.exists() and not folder.is_dir():
        raise EnvironmentProblemError(f"{folder} is no folder. Name another one.")
    above = next(place for place in (folder.absolute(), *folder.absolute().parents) if place.exists())
    if not above.is_dir() or not os.access(above, os.W_OK | os.X_OK):
        raise EnvironmentProblemError(f"{folder} cannot be written: {above} does not allow it. Name another folder.")
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
    if exported_around(folder) is not None:
        return None
    inside = (path.relative_to(folder).as_posix() for path in files_below(folder))
    return next((path for path in inside if path not in manifest.files), None)


def _sibling(folder: Path) -> str:
    return f"{folder.resolve()}-export"


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
