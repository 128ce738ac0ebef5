"""Noticing that files were edited: the loop by which `aios up` follows what a person types.

It says only that something changed, never what: whoever listens loads everything anew, so that an editor that writes
a file in three steps, or a `git checkout` that swaps a hundred files, ends in one reading of what is there then.
"""

from collections.abc import AsyncIterator, Sequence
from pathlib import Path

SUFFIXES = (".yaml", ".yml")
SETTLE_MILLISECONDS = 200
"""Changes closer together than this are one."""


def is_ours(path: Path) -> bool:
    """Whether a change of `path` may change what we load: a YAML file that is not hidden."""
    return path.suffix in SUFFIXES and not path.name.startswith(".")


def folders_to_watch(paths: Sequence[Path]) -> tuple[Path, ...]:
    """What to watch for `paths`: a folder itself, and a file's folder, because editors replace files."""
    folders = {(path if path.is_dir() else path.parent).absolute() for path in paths}
    return tuple(sorted(folder for folder in folders if folder.is_dir()))


async def edits(paths: Sequence[Path]) -> AsyncIterator[None]:
    """One item whenever YAML below `paths` was added, edited or removed. Ends only when cancelled."""
    from watchfiles import Change, awatch

    stated = {path.absolute() for path in paths if not path.is_dir()}
    trees = [path.absolute() for path in paths if path.is_dir()]

    def wanted(_: Change, name: str) -> bool:
        path = Path(name)
        return is_ours(path) and (path in stated or any(path.is_relative_to(tree) for tree in trees))

    folders = folders_to_watch(paths)
    if not folders:
        return
    async for _ in awatch(*folders, watch_filter=wanted, step=SETTLE_MILLISECONDS, ignore_permission_denied=True):
        yield
