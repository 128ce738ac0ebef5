"""Stands between a worker and a command: sets its limits, waits for it, and leaves nothing of it behind.

Run as a script (`python -I -S warden.py LIMITS PROGRAM ARGUMENT...`), never imported by AIOS, so that the worker with
its threads never runs Python between fork and exec. LIMITS is JSON: {"parent", "cpu", "memory", "data", "file",
"processes"}; "memory" is address space, "data" private memory that can be written, both in bytes and for each process.
Ends with the command's exit code, or 128 + the signal that ended it. On Linux everything the command started dies
with it, even what put itself into a session of its own, and all of it dies with the worker; elsewhere only what stayed
in the command's process group. A command can stop or kill its warden: then the worker ends what is left, from outside.
It does not confine reading files or the network.
"""

import contextlib
import ctypes
import json
import os
import resource
import signal
import sys
from pathlib import Path

LINUX = sys.platform == "linux"
PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
OPEN_FILES = 256
SWEEPS = 2_000


def main(arguments: list[str]) -> int:
    """Run the command under its limits; returns the exit code to end with."""
    limits: dict[str, int] = json.loads(arguments[0])
    if LINUX:
        libc = ctypes.CDLL(None)
        libc.prctl(PR_SET_CHILD_SUBREAPER, 1)
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != limits["parent"]:
        return 128 + signal.SIGTERM  # the worker died before the line above could take effect
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    child = os.fork()
    if child == 0:
        _become(arguments[1:], limits)
    _group(child)
    signal.signal(signal.SIGTERM, lambda *_: _stop(child))
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
    _, status = os.waitpid(child, 0)
    _sweep(child)
    return os.waitstatus_to_exitcode(status) if os.WIFEXITED(status) else 128 + os.WTERMSIG(status)


def _become(command: list[str], limits: dict[str, int]) -> None:
    """In the child: take the limits on and turn into the program. Does not return."""
    try:
        _group(0)
        if LINUX:
            ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        _limit(resource.RLIMIT_CORE, 0)
        _limit(resource.RLIMIT_CPU, limits["cpu"])
        _limit(resource.RLIMIT_FSIZE, limits["file"])
        _limit(resource.RLIMIT_NOFILE, OPEN_FILES)
        if LINUX:
            _limit(resource.RLIMIT_AS, limits["memory"])
            _limit(resource.RLIMIT_DATA, limits["data"])  # before Linux 4.7 this bounded hardly anything
            _limit(resource.RLIMIT_NPROC, _threads_of(os.getuid()) + limits["processes"])
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
        os.execv(command[0], command)
    except OSError as error:
        os.write(2, f"{command[0]}: {error.strerror}\n".encode())
    os._exit(126)


def _group(pid: int) -> None:
    """Give the command a process group of its own; parent and child both try, whoever is first."""
    with contextlib.suppress(OSError):
        os.setpgid(pid, pid)


def _limit(kind: int, value: int) -> None:
    """Lower a limit; one that is lower already stays."""
    present = [limit for limit in resource.getrlimit(kind) if limit != resource.RLIM_INFINITY]
    value = min([value, *present])
    resource.setrlimit(kind, (value, value))


def _threads_of(user: int) -> int:
    """How many threads the user runs now: the kernel counts them all against the limit."""
    count = 0
    for process in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if process.name.isdigit() and process.stat().st_uid == user:
                count += len(list((process / "task").iterdir()))
    return count


def _stop(child: int) -> None:
    """The worker asks for the end, or has died."""
    _sweep(child)
    os._exit(128 + signal.SIGTERM)


def _sweep(group: int) -> None:
    """Kill what is left, until nothing is. As subreaper we inherit every orphan, so each round sees the next layer."""
    with contextlib.suppress(OSError):
        os.killpg(group, signal.SIGKILL)
    for _ in range(SWEEPS):
        for pid in _children():
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        try:
            os.waitpid(-1, 0 if LINUX else os.WNOHANG)
        except ChildProcessError:
            return


def _children() -> list[int]:
    """Our children; without /proc none can be named, and the group's end has to do."""
    try:
        return [int(pid) for pid in Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()]
    except OSError:
        return []


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
