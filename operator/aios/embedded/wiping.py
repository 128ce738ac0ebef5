"""`aios down --wipe`: what we made in a state folder goes; what we did not make stays, whoever's folder it was.

Versions before made a state folder of any folder that was named, a repository among them. In such a one a folder that
is called `objects` or `logs` may be the repository's own, so there only files with names of ours go.
"""

from collections.abc import Sequence
from pathlib import Path

from aios.embedded.cards import is_unfinished
from aios.embedded.state_folder import FOLDER, SECRETS, StateFolder, ignores_all, is_harmless
from aios.workspace.removal import remove

_BESIDE = ("", "-wal", "-shm", "-journal", "-writer", "-owners")
"""What SQLite and we put beside a database."""
_FOLDERS = frozenset({"objects", "knowledge", "scratch", "workers", "logs"})
_LAST = ("up.lock", "workers.lock", "version.json")
"""As long as these are there, whoever is interrupted can begin again."""


def wipe(state: StateFolder) -> Sequence[str]:
    """Delete what we made in it, and the folder if nothing else is there; returns the names of what stays, such as the
    keys that somebody put there. Only for who drives the folder while it is deserted. Raises OSError."""
    files = {f"{one.name}{beside}" for one in _databases(state) for beside in _BESIDE}
    files |= {state.services.name, "identity.json", "up.json"}
    entries = list(state.path.iterdir())
    ours = {*files, *_FOLDERS, *_LAST, SECRETS, ".gitignore"}
    mixed = state.path.name != FOLDER and any(
        not (_is_ours(entry, ours) or is_harmless(entry.name)) for entry in entries
    )
    for entry in entries:
        if _is_ours(entry, files) or (entry.name in _FOLDERS and not mixed):
            remove(entry)
    for name in _LAST:
        (state.path / name).unlink(missing_ok=True)
    return _delete_folder(state.path)


def _databases(state: StateFolder) -> Sequence[Path]:
    return state.journal, state.broker, state.sessions, state.leases, state.counters, state.resources


def _is_ours(entry: Path, names: set[str]) -> bool:
    return entry.name in names or is_unfinished(entry.name)


def _delete_folder(folder: Path) -> Sequence[str]:
    """Unless something is in it: then git goes on to ignore that, which may be keys."""
    left = sorted(entry.name for entry in folder.iterdir())
    if left == [".gitignore"] and ignores_all(folder / ".gitignore"):
        (folder / ".gitignore").unlink()
        left = []
    if not left and not folder.is_symlink():
        folder.rmdir()
    return left
