"""A folder taken away with all that commands left in it, however it is protected and however deep it is.

Not shutil.rmtree: that of Python 3.11 calls itself and holds a folder open for every level, which ends at some thousand
of them. Here the folders in a folder are moved up to the top before it is removed: whatever is named lies directly in
a folder that is open, and three are open at a time.
Refuses to follow symbolic links: they are removed, and folders are opened by nothing that would follow one.
"""

import contextlib
import errno
import os
import stat
import uuid
from collections.abc import Iterator
from pathlib import Path

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
_NOT_EMPTY = frozenset({errno.ENOTEMPTY, errno.EEXIST})


def remove(folder: Path) -> None:
    """Remove whatever stands at `folder`, with all it holds; nothing happens when there is nothing.

    Raises OSError for what is not ours to remove, and while somebody still writes into it.
    """
    with contextlib.suppress(FileNotFoundError):  # there is none, or somebody else was quicker, as with each below
        try:
            _remove(folder)
        except PermissionError:
            if not _unlock(folder.parent):
                raise
            _remove(folder)


def _unlock(folder: Path) -> bool:
    """A command may have taken our rights on the folder around its own, too; whether any was missing."""
    mode = stat.S_IMODE(folder.stat().st_mode)
    if mode & stat.S_IRWXU == stat.S_IRWXU:
        return False
    folder.chmod(mode | stat.S_IRWXU)
    return True


def _remove(place: Path) -> None:
    if not stat.S_ISDIR(place.lstat().st_mode):
        place.unlink()
        return
    with _opened(str(place)) as top:
        _empty(top)
    place.rmdir()


def _empty(top: int) -> None:
    """Remove everything in the open folder `top`."""
    waiting = _folders_left(top)
    while waiting:
        name = waiting.pop()
        with contextlib.suppress(FileNotFoundError):
            with _opened(name, top) as folder:
                waiting.extend(_moved_up(folder, top))
            os.rmdir(name, dir_fd=top)


def _moved_up(folder: int, top: int) -> Iterator[str]:
    """Remove everything in `folder` but the folders that hold something: those are moved to `top`, under new names."""
    for name in _folders_left(folder):
        moved = uuid.uuid4().hex
        with contextlib.suppress(FileNotFoundError):
            with _opened(name, folder):
                pass  # only who may write a folder may move it
            os.rename(name, moved, src_dir_fd=folder, dst_dir_fd=top)
            yield moved


def _folders_left(folder: int) -> list[str]:
    """The names of the folders in `folder` that hold something; everything else in it is removed."""
    with os.scandir(folder) as entries:
        found = [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries]
    return [name for name, is_folder in found if not _gone(name, folder, is_folder=is_folder)]


def _gone(name: str, folder: int, *, is_folder: bool) -> bool:
    """Whether `name` is removed now; a folder is, unless it holds something."""
    try:
        (os.rmdir if is_folder else os.unlink)(name, dir_fd=folder)
    except FileNotFoundError:
        return True
    except OSError as error:
        if is_folder and error.errno in _NOT_EMPTY:
            return False
        raise
    return True


@contextlib.contextmanager
def _opened(name: str, parent: int | None = None) -> Iterator[int]:
    """The folder, opened, with all rights on it: a command may have taken ours away."""
    try:
        folder = os.open(name, _FOLDER, dir_fd=parent)
    except PermissionError:
        # A link is not refused this way but as none of O_DIRECTORY: what is unlocked by its name is a folder.
        os.chmod(name, stat.S_IRWXU, dir_fd=parent)
        folder = os.open(name, _FOLDER, dir_fd=parent)
    try:
        if os.fstat(folder).st_mode & stat.S_IRWXU != stat.S_IRWXU:
            os.fchmod(folder, stat.S_IRWXU)
        yield folder
    finally:
        os.close(folder)
