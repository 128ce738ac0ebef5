"""Other processes for the contract suites: each plays one actor of `actors.py` on a store that the test uses too."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.contract.implementations import Closable, Implementation

ROOT = Path(__file__).parents[2]
PATIENCE_SECONDS = 100.0


@dataclass(frozen=True)
class Process:
    """A running actor; its lines on stdout are what it has to tell."""

    popen: "subprocess.Popen[str]"

    def line(self) -> str:
        """The next thing it tells; empty when it ended."""
        assert self.popen.stdout is not None
        return self.popen.stdout.readline().strip()

    def rest(self) -> list[str]:
        """What it tells until it ends, which it must do well."""
        out, _ = self.popen.communicate(timeout=PATIENCE_SECONDS)
        assert self.popen.returncode == 0, f"{self.popen.args!r} ended with {self.popen.returncode}"
        return out.split()

    def kill(self) -> list[str]:
        """End it as power loss would; what it had told until then."""
        self.popen.kill()
        out, _ = self.popen.communicate(timeout=PATIENCE_SECONDS)
        return out.split()

    def freeze(self) -> None:
        self.popen.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self.popen.send_signal(signal.SIGCONT)


@contextlib.contextmanager
def actors(
    count: int, role: str, implementation: Implementation[Closable], place: Path, *arguments: str
) -> Iterator[list[Process]]:
    """`count` processes that play `role`, ended for certain when the context is left."""
    command = [sys.executable, "-m", "tests.contract.actors", role, implementation.name, str(place), *arguments]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "operator")}
    running = [
        Process(subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True))
        for _ in range(count)
    ]
    try:
        yield running
    finally:
        for process in running:
            if process.popen.poll() is None:
                process.kill()
            if process.popen.stdout is not None:
                process.popen.stdout.close()


@contextlib.contextmanager
def actor(role: str, implementation: Implementation[Closable], place: Path, *arguments: str) -> Iterator[Process]:
    """One process that plays `role`."""
    with actors(1, role, implementation, place, *arguments) as running:
        yield running[0]
