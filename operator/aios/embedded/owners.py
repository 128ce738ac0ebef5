"""Who is alive among the processes that share a database.

Each process holds a file of its own by a kernel lock and writes the machine's monotonic time into it. The lock tells
who was killed, at once and for certain; the time tells who is frozen, after a while.
"""

import contextlib
import os
import struct
import time
import uuid
from collections.abc import Callable
from pathlib import Path

from aios.embedded.file_lock import try_lock
from aios.errors import disk_of

_BEAT = struct.Struct("<d")


class Owners:
    """The life signs in one folder; this object is one of the living once it was entered."""

    def __init__(self, folder: Path, *, frozen_after: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._folder = folder
        self._frozen_after = frozen_after
        self._clock = clock
        self._descriptor: int | None = None
        self.me = uuid.uuid4().hex

    def enter(self) -> None:
        """Be alive from now on; tidies away the files of the dead. Raises DiskFullError."""
        if self._descriptor is not None:
            return
        with disk_of(self._folder):
            self._folder.mkdir(parents=True, exist_ok=True)
            for other in self._folder.iterdir():
                self._bury(other)
            self._descriptor = try_lock(self._folder / self.me)
        self.beat()

    def beat(self) -> None:
        """Show that this process still turns. Raises DiskFullError."""
        if self._descriptor is not None:
            with disk_of(self._folder / self.me):
                os.pwrite(self._descriptor, _BEAT.pack(self._clock()), 0)

    def leave(self) -> None:
        """Be dead from now on."""
        if self._descriptor is not None:
            (self._folder / self.me).unlink(missing_ok=True)
            os.close(self._descriptor)
            self._descriptor = None

    def alive(self, owner: str) -> bool:
        """Whether `owner` lives and turns."""
        if owner == self.me:
            return self._descriptor is not None
        path = self._folder / owner
        if self._bury(path):
            return False
        try:
            beat: float = _BEAT.unpack(path.read_bytes())[0]
        except FileNotFoundError:
            return False
        except struct.error:
            return True  # it has just entered
        return self._clock() - beat < self._frozen_after

    def _bury(self, path: Path) -> bool:
        """Remove the file of a dead owner; False when it is held."""
        if not path.exists():
            return True
        with contextlib.suppress(FileNotFoundError):
            descriptor = try_lock(path)
            if descriptor is None:
                return False
            path.unlink(missing_ok=True)
            os.close(descriptor)
        return True
