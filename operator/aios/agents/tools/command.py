"""Run an allowed program in the working copy: an argument list, never a shell, a clean environment, hard limits.

What is confined: time, memory, file size, processes, output, and that nothing survives. What is not, without a
container around the worker: which files of this user's machine the program reads, the network, and a program that hides
on purpose (it kills its warden, leaves its session and changes its environment).
Within a container no process of a command gets more memory than the container has beside the worker, so that it fails
alone. That bounds neither several processes together, nor commands of several workers, nor what they share or keep in
files that live in memory: those can still end the container.
"""

import asyncio
import contextlib
import errno
import logging
import math
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Collection, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, cast

from aios.agents.tools.container_memory import share
from aios.agents.tools.contract import middle_cut
from aios.agents.tools.leftovers import Remains, sweep
from aios.errors import AiosError, EnvironmentProblemError, ServiceUnavailableError
from aios.workspace.removal import remove

logger = logging.getLogger(__name__)
T = TypeVar("T")
WARDEN = Path(__file__).with_name("warden.py")
KEPT = 16_384
"""Bytes kept of the beginning of the output, and of its end."""
GRACE = 5.0
"""Seconds for each step of ending a command: the warden's own sweep, ours, the end of the output."""
_BUSY = frozenset({errno.EAGAIN, errno.ENOMEM, errno.EMFILE, errno.ENFILE})
"""No process, memory or open file to be had now: passes by itself, and an attempt that ended of it would be paid for
twice."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one command may use: seconds by the clock, bytes of address space, bytes a file, processes.

    Address space is more than what is used of it, by far for node, Java or Go: it bounds what runs wild. Of what a
    process may write, it gets no more than a container has left. The kernel does not count the processes of root.
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
    """The program is not one the member may run, or nobody can pass its arguments on; nothing was started."""


async def run(command: Sequence[str], folder: Path, *, allow: Collection[str], limits: Limits | None = None) -> Ran:
    """Run `command` in `folder` and wait for it; when this returns or is cancelled, nothing of it runs any more
    (`leftovers` says what can hide).

    Its home and temporary folder lie beside `folder` and are thrown away.
    Raises CommandRefusedError when `command[0]` is not in `allow`; a path is never allowed, only a program's name. Also
    when the arguments are longer than this machine can pass on, or hold a NUL character.
    Raises EnvironmentProblemError when this machine lets us start nothing, ServiceUnavailableError when it is too busy
    to start one more.
    """
    limits = limits or Limits()
    name = command[0]
    if "/" in name or name not in allow:
        raise CommandRefusedError(f"{name!r} may not be run here; allowed: {', '.join(sorted(allow)) or 'nothing'}")
    if any("\0" in argument for argument in command):
        raise CommandRefusedError("an argument cannot hold a NUL character")
    program = which(name)
    if program is None:
        return Ran(127, f"{name}: not found on this machine")
    home = tempfile.mkdtemp(dir=folder.parent, prefix="home-")
    try:
        return await _supervised([program, *command[1:]], folder, environment(home), limits)
    finally:
        with contextlib.suppress(OSError):  # the folder around it is thrown away, too
            remove(Path(home))


def which(program: str) -> str | None:
    """Where commands find the program on this machine; None if they do not."""
    return shutil.which(program, path=search_path())


def looked_in(program: str) -> str:
    """Where `which` has looked, for a person whose own shell may know better."""
    hidden = shutil.which(program) or ""
    own = f"; {hidden} is of AIOS's own environment, which commands do not see" if hidden.startswith("/") else ""
    return f"looked in {search_path().replace(os.pathsep, ', ')}{own}"


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
    left = share()
    budget = {
        "parent": os.getpid(),
        "cpu": math.ceil(limits.seconds),
        "memory": limits.memory,
        "data": limits.memory if left is None else min(limits.memory, left),
        "file": limits.file,
        "processes": limits.processes,
    }
    warden = _Warden()
    timed_out = False
    try:
        await _unbroken(_start(warden, [_json(budget), *command], folder, env))
        async with asyncio.timeout(limits.seconds):
            await warden.done()
    except TimeoutError:
        timed_out = True
    finally:
        await _unbroken(_end(warden, env["HOME"]))
    code = warden.returncode if warden.returncode is not None else 128 + signal.SIGKILL
    return Ran(code if code >= 0 else 128 - code, warden.output, timed_out)


async def _start(warden: "_Warden", arguments: Sequence[str], folder: Path, env: Mapping[str, str]) -> None:
    try:
        await asyncio.get_running_loop().subprocess_exec(
            lambda: warden,
            sys.executable,
            *("-I", "-S", str(WARDEN), *arguments),
            cwd=folder,
            env=dict(env),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
        )
    except OSError as error:
        if error.errno == errno.E2BIG:
            size = sum(len(os.fsencode(argument)) + 1 for argument in arguments[1:])
            raise CommandRefusedError(
                f"the command line is too long ({size:,} bytes): write it to a file and run that"
            ) from error
        raise _not_started(error, folder) from error


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


async def _unbroken(work: Coroutine[Any, Any, T]) -> T:
    """The result of `work`, which a cancel does not break off: it is obeyed when the work is done."""
    task = asyncio.ensure_future(work)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        raise cancelled from task.exception()
    return task.result()


async def _end(warden: "_Warden", home: str) -> None:
    """Ask the warden to sweep, then sweep from outside: a command may have stopped or killed it."""
    transport = warden.transport
    if transport is None:
        return
    try:
        if warden.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                transport.terminate()
                transport.send_signal(signal.SIGCONT)  # a stopped warden hears nothing
            await _at_most(GRACE, warden.exited)
    finally:
        remains = Remains(transport.get_pid(), home, reaped=warden.returncode is not None)
        left = await asyncio.to_thread(sweep, remains, GRACE)
        if left:
            logger.warning("processes of a command do not end though they were killed: %s", left)
        await _at_most(GRACE, warden.closed)
        transport.close()


async def _at_most(seconds: float, event: asyncio.Event) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()


class _Warden(asyncio.SubprocessProtocol):
    """The warden as seen from here: whether it runs, and what was written through it.

    Of the output the beginning and the end are kept; what lies between is counted and dropped.
    """

    def __init__(self) -> None:
        self.transport: asyncio.SubprocessTransport | None = None
        self.exited = asyncio.Event()
        self.closed = asyncio.Event()
        """It has exited, and nobody holds the output open any more."""
        self._begin = bytearray()
        self._end = bytearray()
        self._size = 0

    async def done(self) -> None:
        """Wait for its end and all of the output; if a signal ended it, others may hold that open for ever."""
        await self.exited.wait()
        if self.returncode is not None and self.returncode >= 0:
            await self.closed.wait()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.SubprocessTransport", transport)

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        self._size += len(data)
        room = KEPT - len(self._begin)
        self._begin += data[:room] if room > 0 else b""
        self._end = (self._end + data[max(0, room) :])[-KEPT:]

    def process_exited(self) -> None:
        self.exited.set()

    def connection_lost(self, exc: Exception | None) -> None:
        self.closed.set()

    @property
    def returncode(self) -> int | None:
        return self.transport.get_returncode() if self.transport is not None else None

    @property
    def output(self) -> str:
        lost = self._size - len(self._begin) - len(self._end)
        between = f"\n[... {lost:,} bytes left out ...]\n" if lost else ""
        text = self._begin.decode(errors="replace") + between + self._end.decode(errors="replace")
        return middle_cut(text, 3 * KEPT)
