"""Run an allowed program in the working copy: an argument list, never a shell, a clean environment, hard limits.

What is confined: time, memory, file size, processes, output, and that nothing survives. What is not, without a
container around the worker: which files of this user's machine the program reads, and the network.
"""

import asyncio
import contextlib
import errno
import math
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from aios.agents.tools.contract import middle_cut
from aios.errors import AiosError, EnvironmentProblemError, ServiceUnavailableError

WARDEN = Path(__file__).with_name("warden.py")
KEPT = 16_384
"""Bytes kept of the beginning of the output, and of its end."""
GRACE = 5.0
_BUSY = frozenset({errno.EAGAIN, errno.ENOMEM, errno.EMFILE, errno.ENFILE})
"""No process, memory or open file to be had now: passes by itself, and an attempt that ended of it would be paid for
twice."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one command may use: seconds by the clock, bytes of address space, bytes a file, processes.

    The kernel does not count the processes of root.
    """

    seconds: float = 120.0
    memory: int = 4 * 1024**3
    file: int = 32 * 1024**2
    processes: int = 128


@dataclass(frozen=True, slots=True)
class Ran:
    """How it ended. `exit_code` is 128 + the signal for a program that a signal ended, 127 for none of that name."""

    exit_code: int
    output: str
    timed_out: bool = False


class CommandRefusedError(Exception):
    """The program is not one the member may run; nothing was started."""


async def run(command: Sequence[str], folder: Path, *, allow: Collection[str], limits: Limits | None = None) -> Ran:
    """Run `command` in `folder` and wait for it; when this returns or is cancelled, nothing of it runs any more.

    Its home and temporary folder lie beside `folder` and are thrown away.
    Raises CommandRefusedError when `command[0]` is not in `allow`; a path is never allowed, only a program's name.
    Raises EnvironmentProblemError when this machine lets us start nothing, ServiceUnavailableError when it is too busy
    to start one more.
    """
    limits = limits or Limits()
    name = command[0]
    if "/" in name or name not in allow:
        raise CommandRefusedError(f"{name!r} may not be run here; allowed: {', '.join(sorted(allow)) or 'nothing'}")
    program = shutil.which(name, path=search_path())
    if program is None:
        return Ran(127, f"{name}: not found on this machine")
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix="home-", ignore_cleanup_errors=True) as home:
        return await _supervised([program, *command[1:]], folder, environment(home), limits)


def search_path() -> str:
    """The PATH commands are looked up on: the Python below our virtual environment first, then ours without it."""
    own = {str(Path(sys.prefix) / "bin"), str(Path(os.environ.get("VIRTUAL_ENV", sys.prefix)) / "bin")}
    base = str(Path(sys.base_exec_prefix) / "bin")
    hidden = own if sys.prefix != sys.base_prefix else set()
    places = [place for place in os.environ.get("PATH", os.defpath).split(os.pathsep) if place.startswith("/")]
    return os.pathsep.join(dict.fromkeys([base] + [place for place in places if place.rstrip("/") not in hidden]))


def environment(home: str) -> Mapping[str, str]:
    """All a command sees of ours: where programs are, a home that is thrown away, and a plain locale."""
    return {
        "PATH": search_path(),
        "HOME": home,
        "TMPDIR": home,
        "LANG": "C.UTF-8",
        "LC_ALL": "C.UTF-8",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONNOUSERSITE": "1",
    }


async def _supervised(command: Sequence[str], folder: Path, env: Mapping[str, str], limits: Limits) -> Ran:
    budget = {
        "parent": os.getpid(),
        "cpu": math.ceil(limits.seconds),
        "memory": limits.memory,
        "file": limits.file,
        "processes": limits.processes,
    }
    try:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-I", "-S", str(WARDEN), _json(budget), *command),
            cwd=folder,
            env=dict(env),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
        )
    except OSError as error:
        raise _not_started(error, folder) from error
    output = _Output()
    timed_out = False
    try:
        async with asyncio.timeout(limits.seconds):
            await output.drain(process)
            await process.wait()
    except TimeoutError:
        timed_out = True
    finally:
        await _end(process)
    code = process.returncode if process.returncode is not None else 128 + signal.SIGKILL
    return Ran(code if code >= 0 else 128 - code, output.text, timed_out)


def _not_started(error: OSError, folder: Path) -> AiosError:
    reason = f"{sys.executable} in {folder}: {error.strerror or error}"
    if error.errno in _BUSY:
        return ServiceUnavailableError(
            f"this machine is too busy to start a program: {reason}; if it stays so, give the worker more memory, "
            "processes or open files"
        )
    return EnvironmentProblemError(
        f"this worker cannot start programs: {reason}; its user must be allowed to run that interpreter and to enter "
        "that folder"
    )


def _json(budget: Mapping[str, int]) -> str:
    return "{" + ",".join(f'"{key}":{value}' for key, value in budget.items()) + "}"


async def _end(process: asyncio.subprocess.Process) -> None:
    """Ask the warden to sweep; if it does not (a command may have stopped or killed it), kill its whole session."""
    if process.returncode is not None:
        return
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
    waiting = asyncio.ensure_future(process.wait())
    # Shielded: a cancelled attempt still sees its command to the end.
    done, _ = await asyncio.shield(asyncio.wait({waiting}, timeout=GRACE))
    if not done:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await asyncio.shield(waiting)


class _Output:
    """The beginning and the end of what a command wrote; what lies between is counted and dropped."""

    def __init__(self) -> None:
        self._begin = bytearray()
        self._end = bytearray()
        self._size = 0

    async def drain(self, process: asyncio.subprocess.Process) -> None:
        stream = process.stdout
        while stream is not None and (chunk := await stream.read(65_536)):
            self._size += len(chunk)
            room = KEPT - len(self._begin)
            self._begin += chunk[:room] if room > 0 else b""
            self._end = (self._end + chunk[max(0, room) :])[-KEPT:]

    @property
    def text(self) -> str:
        lost = self._size - len(self._begin) - len(self._end)
        between = f"\n[... {lost:,} bytes left out ...]\n" if lost else ""
        text = self._begin.decode(errors="replace") + between + self._end.decode(errors="replace")
        return middle_cut(text, 3 * KEPT)
