"""A disk that is truly full: a small tmpfs in a mount namespace of its own, or a limit on the size of files.

The tmpfs needs Linux and user namespaces, no root; it goes with its holder, whatever becomes of the test.
"""

import contextlib
import resource
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.servers.availability import ServerUnavailableError, skip_or_fail

BALLAST = "ballast"


@contextlib.contextmanager
def file_limit(size: int) -> Iterator[None]:
    """Meanwhile this process writes no file beyond `size` bytes: EFBIG, as a full quota."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@dataclass(frozen=True, slots=True)
class SmallDisk:
    """`folder` is the disk, for processes started by `command` only; everybody else sees an empty folder."""

    folder: Path
    holder: int

    def command(self, *words: str | Path) -> list[str]:
        """The argument list that runs `words` where the disk is."""
        inside = ["nsenter", "-t", str(self.holder), "-U", "-m", "--preserve-credentials", "--wd=."]
        return [*inside, *map(str, words)]

    def fill(self) -> None:
        """Not a byte is left."""
        self._shell(f"! cat /dev/zero > {self.folder / BALLAST}")

    def free(self) -> None:
        """There is room again."""
        self._shell(f"rm {self.folder / BALLAST}")

    def copy(self, name: str, to: Path) -> None:
        """What stands on the disk, for everybody to see."""
        self._run("cp", "-r", self.folder / name, to)

    def _shell(self, script: str) -> None:
        self._run("sh", "-c", script)

    def _run(self, *words: str | Path) -> None:
        subprocess.run(self.command(*words), check=True, capture_output=True, timeout=60)


@contextlib.contextmanager
def small_disk(folder: Path, *, mebibytes: int) -> Iterator[SmallDisk]:
    """A fresh one at `folder`. Skips where a user may not mount."""
    folder.mkdir()
    script = f"mount -t tmpfs -o size={mebibytes}m none {folder} && echo mounted && exec cat"
    words = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", script]
    if shutil.which("unshare") is None or shutil.which("nsenter") is None:
        skip_or_fail(ServerUnavailableError("no unshare or nsenter: apt install util-linux"))
    # `cat` ends with our end of the pipe, and the disk with it.
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as holder:
        said = holder.stdout.readline() if holder.stdout else b""
        if said != b"mounted\n":
            _, why = holder.communicate()
            hint = "sysctl kernel.unprivileged_userns_clone=1 or kernel.apparmor_restrict_unprivileged_userns=0"
            # No package brings this, so that nobody who could install everything is asked to.
            pytest.skip(f"a user may not mount here ({hint}): {why.decode()}")
        try:
            yield SmallDisk(folder, holder.pid)
        finally:
            holder.kill()


def names_below(folder: Path) -> Sequence[str]:
    """Every file, for a look at what was left behind."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
