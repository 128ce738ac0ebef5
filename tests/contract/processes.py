"""Other processes for the contract suites: each plays one actor of `actors.py` on a store that the test uses too."""

import contextlib
import multiprocessing
import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from io import TextIOWrapper
from multiprocessing.context import ForkServerProcess
from pathlib import Path

from tests.contract.actors import play
from tests.contract.implementations import Closable, Implementation

PATIENCE_SECONDS = 100.0
_FORKING = multiprocessing.get_context("forkserver")
# Importing all adapters costs most of a second and sixteen actors are no rarity: one process imports, all fork from it.
# (`__main__` is imported there too, or each would import pytest.)
_FORKING.set_forkserver_preload(["__main__", "tests.contract.actors"])


@dataclass(frozen=True)
class Process:
    """A running actor; its lines on stdout are what it has to tell."""

    process: ForkServerProcess
    told: TextIOWrapper

    def line(self) -> str:
        """The next thing it tells; empty when it ended."""
        return self.told.readline().strip()

    def rest(self) -> list[str]:
        """What it tells until it ends, which it must do well."""
        told = self._until_the_end()
        assert self.process.exitcode == 0, f"{self.process.name} ended with {self.process.exitcode}"
        return told

    def kill(self) -> list[str]:
        """End it as power loss would; what it had told until then."""
        self.process.kill()
        return self._until_the_end()

    def freeze(self) -> None:
        os.kill(self._pid, signal.SIGSTOP)

    def thaw(self) -> None:
        os.kill(self._pid, signal.SIGCONT)

    @property
    def _pid(self) -> int:
        assert self.process.pid is not None
        return self.process.pid

    def _until_the_end(self) -> list[str]:
        told = self.told.read().split()
        self.process.join(PATIENCE_SECONDS)
        return told


@contextlib.contextmanager
def actors(
    count: int, role: str, implementation: Implementation[Closable], place: Path, *arguments: str
) -> Iterator[list[Process]]:
    """`count` processes that play `role`, ended for certain when the context is left."""
    running: list[Process] = []
    try:
        for _ in range(count):
            running.append(_started(role, implementation.name, str(place), *arguments))
        yield running
    finally:
        for process in running:
            if process.process.is_alive():
                process.kill()
            process.told.close()


@contextlib.contextmanager
def actor(role: str, implementation: Implementation[Closable], place: Path, *arguments: str) -> Iterator[Process]:
    """One process that plays `role`."""
    with actors(1, role, implementation, place, *arguments) as running:
        yield running[0]


def _started(role: str, *arguments: str) -> Process:
    receiver, sender = multiprocessing.Pipe(duplex=False)
    with receiver, sender:
        process = _FORKING.Process(
            target=play, name=role, args=(sender, dict(os.environ), role, *arguments), daemon=True
        )
        process.start()
        return Process(process, os.fdopen(os.dup(receiver.fileno()), encoding="utf-8"))
