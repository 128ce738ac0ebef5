"""Noticing that files were edited: the loop by which `aios up` follows what a person types.

It says only that something changed, never what: whoever listens loads everything anew, so that an editor that writes
a file in three steps, or a `git checkout` that swaps a hundred files, ends in one reading of what is there then.
"""

from collections.abc import AsyncGenerator, Sequence
from pathlib import Path

SUFFIXES = (".yaml", ".yml")
SETTLE_MILLISECONDS = 200
"""Changes closer together than this are one."""
TURN_MILLISECONDS = 500
"""How long the watch waits without a change before it says that it stands."""


def is_ours(path: Path) -> bool:
    """Whether a change of `path` may change what we load: a YAML file that is not hidden."""
    return path.suffix in SUFFIXES and not path.name.startswith(".")


def folders_to_watch(paths: Sequence[Path]) -> tuple[Path, ...]:
    """What to watch for `paths`: a folder itself, and a file's folder, because editors replace files."""
    folders = {(path if path.is_dir() else path.parent).absolute() for path in paths}
    return tuple(sorted(folder for folder in folders if folder.is_dir()))


async def edits(paths: Sequence[Path]) -> AsyncGenerator[None, None]:
    """One item whenever YAML below `paths` was added, edited or removed, and one as soon as the watch stands: what was
    edited between the last loading and that moment is seen by nobody else. Ends only when cancelled."""
    from watchfiles import Change, awatch

    stated = {path.absolute() for path in paths if not path.is_dir()}
    trees = [path.absolute() for path in paths if path.is_dir()]

    def wanted(_: Change, name: str) -> bool:
        path = Path(name)
        return is_ours(path) and (path in stated or any(path.is_relative_to(tree) for tree in trees))

    folders = folders_to_watch(paths)
    if not folders:
        return
    standing = False
    watch = awatch(
        *folders,
        watch_filter=wanted,
        step=SETTLE_MILLISECONDS,
        rust_timeout=TURN_MILLISECONDS,
        yield_on_timeout=True,
        ignore_permission_denied=True,
    )
    async for changes in watch:
        if changes or not standing:
            yield
        standing = True
