"""A Qdrant server on loopback, where `qdrant` is on PATH: no package manager brings it. Tests have a stand-in."""

import os
import shutil
import urllib.error
import urllib.request
from pathlib import Path

from tests.servers.availability import ServerUnavailableError
from tests.servers.identity import Identity
from tests.servers.process import ServerProcess
from tests.servers.waiting import eventually

PORTS = 2


def qdrant_program() -> Path:
    """Raises ServerUnavailableError saying how to get it."""
    found = shutil.which("qdrant")
    if not found:
        raise ServerUnavailableError("no Qdrant: put `qdrant` (its release for this machine) on PATH")
    return Path(found)


class QdrantProcess:
    """A private server; `start` after `stop` or a kill goes on with its data."""

    def __init__(self, folder: Path, identity: Identity) -> None:
        """`identity`: ports of HTTP and gRPC. Raises ServerUnavailableError when it is not installed."""
        self._program, self._folder, self._identity = qdrant_program(), folder, identity
        self.process = self._start()

    @property
    def url(self) -> str:
        return f"http://:{self._identity.password}@127.0.0.1:{self._identity.ports[0]}"

    def start(self) -> None:
        self.process = self._start()

    def _start(self) -> ServerProcess:
        http, grpc = self._identity.ports
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self._folder),
            "QDRANT__SERVICE__HOST": "127.0.0.1",
            "QDRANT__SERVICE__HTTP_PORT": str(http),
            "QDRANT__SERVICE__GRPC_PORT": str(grpc),
            "QDRANT__SERVICE__API_KEY": self._identity.password,
            "QDRANT__STORAGE__STORAGE_PATH": str(self._folder / "storage"),
            "QDRANT__STORAGE__SNAPSHOTS_PATH": str(self._folder / "snapshots"),
            "QDRANT__TELEMETRY_DISABLED": "true",
        }
        log = self._folder / "qdrant.log"
        process = ServerProcess(self._program, [], log=log, environment=environment, folder=self._folder)
        eventually(lambda: is_ready(http), what=f"Qdrant on port {http}: {log}")
        return process


def is_ready(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=1) as answer:
            return bool(answer.status == 200)
    except (OSError, urllib.error.URLError):
        return False
