"""The folder an attempt works in: made from a manifest when it is first needed, recorded as a manifest after changes.

What the folder holds is never the truth; the last recorded manifest is. Refuses to put a file on disk that the member
and its model are not cleared for: a command could read it. Such files stay in the manifest, unseen and unchanged.
"""

import stat
from collections.abc import Callable, Mapping, Set
from pathlib import Path

from aios.spec.vocabulary import Privacy
from aios.workspace.manifest import FileEntry, Manifest
from aios.workspace.paths import UnsafePathError
from aios.workspace.store import Workspace


class WorkingCopy:
    """One attempt's files. `folder` belongs to it alone."""

    def __init__(self, workspace: Workspace, folder: Path, *, manifest: Manifest, may_see: Callable[[Privacy], bool]):
        self._workspace = workspace
        self._folder = folder
        self._may_see = may_see
        self._open = False
        self.manifest = manifest
        """What is recorded, with the files that stay unseen."""

    @property
    def visible(self) -> Manifest:
        """The files that are put on disk."""
        return Manifest({path: entry for path, entry in self.manifest.files.items() if self._may_see(entry.privacy)})

    async def open(self) -> Path:
        """The folder, holding the visible files; made anew if somebody took it away."""
        if not self._open or not self._stands():
            await self._workspace.checkout(self.visible, self._folder)
            self._open = True
        return self._folder

    async def read(self, entry: FileEntry) -> bytes:
        """A recorded file's bytes."""
        return await self._workspace.read(entry)

    async def keep(self, label: Privacy) -> None:
        """Record what the folder holds now; changed files carry `label`.

        Raises UnsafePathError and WorkspaceLimitError when it cannot be kept; then undo.
        """
        if self._open and not self._stands():
            raise UnsafePathError("the folder of the workspace itself was taken away or locked: leave it where it is")
        visible = self.visible
        hidden = {path: entry for path, entry in self.manifest.files.items() if path not in visible.files}
        found = await self._workspace.snapshot(await self.open(), base=visible, label=label)
        _refuse_what_stands_on(hidden, found.files.keys())
        if hidden:
            found = await self._workspace.store(Manifest({**found.files, **hidden}))
        self.manifest = found

    def undo(self) -> None:
        """Give up what the folder holds: whoever needs it next gets the recorded files."""
        self._open = False

    def _stands(self) -> bool:
        """Whether the folder is there: not a link in its place, nor behind another that a command has locked."""
        try:
            return stat.S_ISDIR(self._folder.lstat().st_mode)
        except (FileNotFoundError, NotADirectoryError, PermissionError):
            return False


def _refuse_what_stands_on(hidden: Mapping[str, FileEntry], found: Set[str]) -> None:
    """A file where an unseen one is, a folder where one is a file, or the other way round. Raises UnsafePathError."""
    for path in sorted(found):
        for taken in {path, *_folders_of(path)} & hidden.keys():
            raise UnsafePathError(f"{taken!r} exists and holds {hidden[taken].privacy} data: choose another name")
    for path, entry in sorted(hidden.items()):
        for taken in _folders_of(path) & found:
            raise UnsafePathError(f"{taken!r} is a folder that holds {entry.privacy} data: choose another name")


def _folders_of(path: str) -> Set[str]:
    parts = path.split("/")
    return {"/".join(parts[:length]) for length in range(1, len(parts))}
