"""A MinIO server on loopback: given by TEST_ASSET_MINIO, found on PATH, cached, or built once from a pinned Go module.

MinIO's makers publish no package, and its module does not build together with Kubernetes', so it has a module of its
own beside theirs.
"""

import hashlib
import os
import platform
import shutil
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.servers.availability import ServerUnavailableError, skip_or_fail
from tests.servers.binaries import BUILD_TIMEOUT_SECONDS, building_allowed
from tests.servers.cache import build_folder, cache_folder
from tests.servers.go import MODULE, find_or_install_go
from tests.servers.identity import Identity
from tests.servers.process import ServerProcess

VARIABLE = "AIOS_TEST_MINIO"
FIXTURE = "minio"
BUILD_SECONDS, MEGABYTES = 250, 110
_MODULE = MODULE / "minio"
_HOW = "put `minio` on PATH, or name it in TEST_ASSET_MINIO"


def cached_minio() -> Path:
    """Where the built program is or will be; its name changes with every input of the build but the compiler."""
    inputs = b"".join((_MODULE / name).read_bytes() for name in ("go.mod", "go.sum"))
    machine = f"{sys.platform}-{platform.machine()}"
    return cache_folder() / f"minio-{machine}-{hashlib.sha256(inputs).hexdigest()[:8]}" / "minio"


def find_minio() -> Path | None:
    """Without building. Raises ServerUnavailableError when TEST_ASSET_MINIO names no program."""
    given = os.environ.get("TEST_ASSET_MINIO")
    if given and not os.access(given, os.X_OK):
        raise ServerUnavailableError(f"TEST_ASSET_MINIO={given} is not a program: correct or unset it")
    found = given or shutil.which("minio") or str(cached_minio())
    return Path(found) if os.access(found, os.X_OK) else None


def find_or_build_minio(say: Callable[[str], None] = print) -> Path:
    """Raises ServerUnavailableError saying how to get it when building is forbidden or fails."""
    found = find_minio()
    if found is not None:
        return found
    if not building_allowed():
        raise ServerUnavailableError(f"AIOS_TEST_BUILD=0: {_HOW}")
    go, target = find_or_install_go(say), cached_minio()
    with build_folder(target.parent, say) as building:
        if not target.exists():
            say(f"building minio: about {BUILD_SECONDS} s once, {MEGABYTES} MB")
            flags: list[str | Path] = ["-trimpath", "-ldflags", "-s -w", "-o", building / "minio"]
            done = subprocess.run(
                [go.executable, "build", *flags, "github.com/minio/minio"],
                cwd=_MODULE,
                env={**go.environment, "CGO_ENABLED": "0"},
                capture_output=True,
                text=True,
                check=False,
                timeout=BUILD_TIMEOUT_SECONDS,
            )
            if done.returncode != 0:
                reason = "\n".join(done.stderr.strip().splitlines()[-10:])
                raise ServerUnavailableError(f"Go {go.version} could not build MinIO; {_HOW}\n{reason}")
            (building / "minio").rename(target)
    return target


class MinioProcess:
    """A private server; `start` after `stop` or a kill goes on with its data."""

    def __init__(self, program: Path, folder: Path, identity: Identity | None = None) -> None:
        self._program, self._folder = program, folder
        identity = identity or Identity.fresh(1)
        self.user, self.password = identity.user, identity.password
        (self.port,) = identity.ports
        self.process = self._start()

    @property
    def url(self) -> str:
        return f"s3+http://{self.user}:{self.password}@127.0.0.1:{self.port}"

    def start(self) -> None:
        self.process = self._start()

    def _start(self) -> ServerProcess:
        arguments = ["server", str(self._folder / "data"), "--address", f"127.0.0.1:{self.port}", "--quiet"]
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self._folder),
            "MINIO_ROOT_USER": self.user,
            "MINIO_ROOT_PASSWORD": self.password,
            "MINIO_BROWSER": "off",
            "MINIO_UPDATE": "off",
        }
        log = self._folder / "minio.log"
        process = ServerProcess(self._program, arguments, log=log, environment=environment)
        process.wait_until(lambda: is_ready(self.port), what=f"MinIO is ready on port {self.port}")
        return process


def is_ready(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/minio/health/cluster", timeout=1) as answer:
            return bool(answer.status == 200)
    except (OSError, urllib.error.URLError):
        return False


@pytest.fixture(scope="session")
def minio_program() -> Path:
    """The program; building it happened before the first test that asks for it."""
    try:
        return find_or_build_minio()
    except ServerUnavailableError as error:
        skip_or_fail(error)


@pytest.fixture(scope="session")
def minio(minio_program: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of one server for all tests; each keeps to buckets of its own."""
    server = MinioProcess(minio_program, tmp_path_factory.mktemp("minio"))
    os.environ[VARIABLE] = server.url
    yield server.url
    del os.environ[VARIABLE]
    server.process.stop()
