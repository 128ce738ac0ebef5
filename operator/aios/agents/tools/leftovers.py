"""End what is left of a command whose warden did not sweep: the command had stopped or killed it.

Looks from outside, so that nothing a command does to its warden matters: what runs in the warden's session, and, where
/proc shows it, what has the command's own home in its environment, whatever its session. Does not find what left the
session and changed its environment too, after the warden was killed.
"""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
PAUSE = 0.02
_DEAD = ("Z", "X")


@dataclass(frozen=True, slots=True)
class Remains:
    """Where to look: the warden's session, which bears its process id, and the command's home.

    `reaped`: the warden has ended and was waited for, so its number may be another's by now.
    """

    session: int
    home: str
    reaped: bool


def sweep(remains: Remains, seconds: float) -> list[int]:
    """Kill what is left until nothing is; returns what still runs after `seconds`. Blocks: call it in a thread."""
    deadline = time.monotonic() + seconds
    while True:
        found = find(remains)
        for pid in found:
            _kill(pid, reap=pid != remains.session)
        alive = [pid for pid, lives in found.items() if lives]
        if not alive or time.monotonic() > deadline:
            return alive
        time.sleep(PAUSE)


def find(remains: Remains) -> dict[int, bool]:
    """The processes that are left, and whether each still lives.

    Dead ones are named as well: a process whose first thread has ended looks dead while its others run.
    """
    seen = list(_processes())
    # No number is given out anew while a session bears it: if it names a process again, nobody of ours is left there.
    taken = remains.reaped and any(pid == remains.session for pid, _, _ in seen)
    return {
        pid: lives
        for pid, lives, session in seen
        if (session == remains.session and not taken) or _at_home(pid, remains.home)
    }


def _kill(pid: int, *, reap: bool) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):  # it has ended, or became another user's
        os.kill(pid, signal.SIGKILL)
    if reap:
        # As the first process of a container we inherit every orphan, and nobody else would wait for it.
        with contextlib.suppress(ChildProcessError):
            os.waitpid(pid, os.WNOHANG)


def _processes() -> Iterator[tuple[int, bool, int]]:
    """Each process of this machine: its id, whether it lives, its session."""
    return _by_proc() if (PROC / "self/stat").exists() else _by_ps()


def _by_proc() -> Iterator[tuple[int, bool, int]]:
    for place in PROC.iterdir():
        if place.name.isdigit():
            with contextlib.suppress(OSError):  # it ended meanwhile
                # The program's name stands in brackets and may hold anything: only what follows the last one counts.
                fields = (place / "stat").read_bytes().rpartition(b")")[2].split()
                yield int(place.name), fields[0].decode() not in _DEAD, int(fields[3])


def _by_ps() -> Iterator[tuple[int, bool, int]]:
    said = subprocess.run(["ps", "-A", "-o", "pid=,stat="], capture_output=True, text=True, check=True).stdout
    for line in said.splitlines():
        pid, state = line.split()[:2]
        with contextlib.suppress(OSError):  # it ended meanwhile, or is none of our business
            yield int(pid), state[0] not in _DEAD, os.getsid(int(pid))


def _at_home(pid: int, home: str) -> bool:
    try:
        return b"HOME=" + os.fsencode(home) in (PROC / str(pid) / "environ").read_bytes().split(b"\0")
    except OSError:  # it ended meanwhile, is another user's, or there is no /proc
        return False
