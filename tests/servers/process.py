"""One server of a test run: on loopback, with its own log file, ended by its own process id.

It leaves the terminal's process group, so that Ctrl-C reaches the tests first and they can stop it in order,
and on Linux the kernel ends it when the test process is killed without a chance to do so.
"""

import os
import random
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from tests.servers.waiting import NeverHappenedError, eventually

# Run by a fresh interpreter between fork and the server: `preexec_fn` would do the same but may deadlock in a
# process with threads. 1 is PR_SET_PDEATHSIG, 9 is SIGKILL; the parent may be gone before it was asked for.
_DIE_WITH_PARENT = """
import ctypes, os, sys
parent, program, *arguments = sys.argv[1:]
if sys.platform == "linux":
    ctypes.CDLL(None).prctl(1, 9)
    if os.getppid() != int(parent):
        sys.exit(1)
os.execv(program, [program, *arguments])
"""
TERMINATE_SECONDS = 5.0
# SeaweedFS speaks gRPC and a Redis cluster with its members this far above the port it is given.
COMPANION = 10_000


class ServerProcess:
    """A running server. Start it in a thread that lives as long as it shall: the kernel counts that as parent."""

    def __init__(
        self,
        program: Path,
        arguments: Sequence[str],
        *,
        log: Path,
        environment: Mapping[str, str] | None = None,
        folder: Path | None = None,
    ) -> None:
        """`folder`: where it runs, and leaves what it dumps when it crashes."""
        self.name = program.name
        self.log = log
        command = [sys.executable, "-I", "-S", "-c", _DIE_WITH_PARENT, str(os.getpid()), str(program), *arguments]
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=None if environment is None else dict(environment),
                start_new_session=True,
                cwd=folder,
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """None while it runs."""
        return self._process.poll()

    def stop(self, within_seconds: float | None = None) -> None:
        """Ends it, by force after that time (five seconds). Harmless when it has ended already."""
        self._process.terminate()
        try:
            self._process.wait(TERMINATE_SECONDS if within_seconds is None else within_seconds)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def wait_until(self, ready: Callable[[], bool], *, what: str, within_seconds: float = 30.0) -> None:
        """Returns once it is. Raises NeverHappenedError with its last words: at once when it has ended, else at the
        end of that time, and then it is stopped."""

        def ended_or_ready() -> bool:
            return self.exit_code is not None or ready()

        try:
            eventually(ended_or_ready, what=what, within_seconds=within_seconds)
        except NeverHappenedError as error:
            words = self.last_words()
            self.stop()
            raise NeverHappenedError(f"{error}\n{words}") from None
        if self.exit_code is not None:
            raise NeverHappenedError(f"ended before {what}\n{self.last_words()}")

    def last_words(self, lines: int = 15) -> str:
        text = self.log.read_text(errors="replace").splitlines() if self.log.exists() else []
        return "\n".join([f"{self.name}, exit code {self.exit_code}, {self.log}:", *text[-lines:]])


def free_ports(count: int) -> list[int]:
    """Ports on 127.0.0.1 that were free a moment ago, all different, each with a free COMPANION.

    Both lie below the range from which the kernel takes ports of outgoing connections, so that only another
    server could take one before its user does; none is the companion of another.
    """
    found: list[int] = []
    while len(found) < count:
        port = random.randrange(12_000, 12_000 + COMPANION)
        if port not in found and _is_free(port) and _is_free(port + COMPANION):
            found.append(port)
    return found


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
