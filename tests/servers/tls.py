"""Servers that speak TLS on loopback, under an authority made for the run.

Their certificate names 127.0.0.1 alone, so that `localhost` is another host; a stranger's authority is there for those
who trust the wrong one. The stand-in for Qdrant runs by itself: `python -m tests.servers.tls PORT LOG CERTIFICATE KEY`.
"""

import os
import shutil
import ssl
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

import pytest
from aiohttp import web

from tests.servers.availability import ServerUnavailableError, skip_or_fail
from tests.servers.certificates import ServingFiles, write_serving_files
from tests.servers.identity import Identity
from tests.servers.process import ServerProcess, free_ports
from tests.servers.qdrant import KEY, StandIn, with_key
from tests.servers.rabbitmq import RabbitProcess
from tests.servers.redis import RedisProcess, redis_program
from tests.servers.seaweedfs import listens


@dataclass(frozen=True, slots=True)
class Authorities:
    """PEM files: of the servers' authority, with their certificate, and of a stranger's."""

    ours: ServingFiles
    stranger: ServingFiles


@dataclass(frozen=True, slots=True)
class TlsServer:
    """A server's URL without options, and the authorities by which a client may trust it, rightly or wrongly."""

    plain: str
    authorities: Authorities

    @property
    def trusted(self) -> str:
        return self.stating(cafile=self.authorities.ours.authority)

    @property
    def mistrusted(self) -> str:
        return self.stating(cafile=self.authorities.stranger.authority)

    @property
    def elsewhere(self) -> str:
        """The same server by a name that its certificate does not hold."""
        return self.trusted.replace("127.0.0.1:", "localhost:")

    @property
    def in_clear(self) -> str:
        """Its port with TLS, by the scheme without."""
        scheme, _, rest = self.plain.partition("://")
        return f"{scheme.removesuffix('s')}://{rest}"

    def stating(self, **files: Path) -> str:
        return f"{self.plain}?{urlencode({name: str(file) for name, file in files.items()})}"


@dataclass(frozen=True, slots=True)
class TlsRabbit:
    """One node that listens with and without TLS, which `control` does; a client's certificate it verifies, if any."""

    broker: TlsServer
    admin: TlsServer
    control: RabbitProcess


@pytest.fixture(scope="session")
def authorities(tmp_path_factory: pytest.TempPathFactory) -> Authorities:
    def made(name: str) -> ServingFiles:
        folder = tmp_path_factory.mktemp(name)
        return write_serving_files(folder, names=("service.aios.test",), addresses=("127.0.0.1",))

    return Authorities(made("authority"), made("stranger"))


@pytest.fixture(scope="session")
def tls_rabbitmq(tmp_path_factory: pytest.TempPathFactory, authorities: Authorities) -> Iterator[TlsRabbit]:
    (port, admin), files = free_ports(2), authorities.ours
    lines = [f"listeners.ssl.1 = 127.0.0.1:{port}", f"management.ssl.port = {admin}", "management.ssl.ip = 127.0.0.1"]
    lines += ["ssl_options.verify = verify_peer", "ssl_options.fail_if_no_peer_cert = false"]
    for name in ("ssl_options", "management.ssl"):
        lines += [f"{name}.cacertfile = {files.authority}", f"{name}.certfile = {files.certificate}"]
        lines += [f"{name}.keyfile = {files.key}"]
    try:
        node = RabbitProcess(tmp_path_factory.mktemp("tls-rabbitmq"), configuration="\n".join(lines) + "\n")
    except ServerUnavailableError as error:
        skip_or_fail(error)
    # The management answers a moment before the last listener is there.
    node.process.wait_until(lambda: listens(port), what=f"RabbitMQ listens with TLS on port {port}")
    account = f"{node.user}:{node.password}@127.0.0.1"
    yield TlsRabbit(
        TlsServer(f"amqps://{account}:{port}/", authorities),
        TlsServer(f"https://{account}:{admin}", authorities),
        node,
    )
    node.kill()  # it keeps nothing, and takes seconds to end by itself
    node.stop()


@pytest.fixture(scope="session")
def tls_minio(
    minio_program: Path, tmp_path_factory: pytest.TempPathFactory, authorities: Authorities
) -> Iterator[TlsServer]:
    folder, identity = tmp_path_factory.mktemp("tls-minio"), Identity.fresh(1)
    (folder / "certs").mkdir()
    shutil.copy(authorities.ours.certificate, folder / "certs" / "public.crt")
    shutil.copy(authorities.ours.key, folder / "certs" / "private.key")
    (port,) = identity.ports
    process = ServerProcess(
        minio_program,
        [
            *("server", str(folder / "data"), "--address", f"127.0.0.1:{port}"),
            *("--certs-dir", str(folder / "certs"), "--quiet"),
        ],
        log=folder / "minio.log",
        environment={
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "MINIO_ROOT_USER": identity.user,
            "MINIO_ROOT_PASSWORD": identity.password,
            "MINIO_BROWSER": "off",
            "MINIO_UPDATE": "off",
        },
    )
    url = f"https://127.0.0.1:{port}/minio/health/cluster"
    process.wait_until(lambda: _answers(url, authorities.ours.authority), what=f"MinIO answers {url}")
    yield TlsServer(f"s3+https://{identity.user}:{identity.password}@127.0.0.1:{port}", authorities)
    process.stop()


@pytest.fixture(scope="session")
def tls_redis(tmp_path_factory: pytest.TempPathFactory, authorities: Authorities) -> Iterator[TlsServer]:
    yield from _redis(tmp_path_factory.mktemp("tls-redis"), authorities, ask_clients=False)


@pytest.fixture(scope="session")
def mutual_redis(tmp_path_factory: pytest.TempPathFactory, authorities: Authorities) -> Iterator[TlsServer]:
    """It lets in whose certificate its own authority signed, as its own is."""
    yield from _redis(tmp_path_factory.mktemp("mutual-redis"), authorities, ask_clients=True)


def _redis(folder: Path, authorities: Authorities, *, ask_clients: bool) -> Iterator[TlsServer]:
    (port,), files = free_ports(1), authorities.ours
    options = (
        *("--tls-port", str(port), "--tls-auth-clients", "yes" if ask_clients else "no"),
        *("--tls-cert-file", str(files.certificate), "--tls-key-file", str(files.key)),
        *("--tls-ca-cert-file", str(files.authority)),
    )
    try:
        _require_tls(redis_program())
        server = RedisProcess(folder, options=options)
    except ServerUnavailableError as error:
        skip_or_fail(error)
    yield TlsServer(f"rediss://127.0.0.1:{port}/0", authorities)
    server.process.stop()


def _require_tls(program: Path) -> None:
    """Raises ServerUnavailableError when it was built without; only what was built with it misses its files."""
    words = [str(program), "--port", "0", "--tls-port", "1", "--bind", "127.0.0.1"]
    said = subprocess.run(words, capture_output=True, check=False, timeout=10).stdout
    if b"tls-cert-file" not in said:
        raise ServerUnavailableError(f"{program} was built without TLS: apt install redis-server")


@pytest.fixture(scope="session")
def tls_qdrant(tmp_path_factory: pytest.TempPathFactory, authorities: Authorities) -> Iterator[TlsServer]:
    (port,), folder, files = free_ports(1), tmp_path_factory.mktemp("tls-qdrant"), authorities.ours
    words = [str(port), str(folder / "searches"), str(files.certificate), str(files.key)]
    process = ServerProcess(Path(sys.executable), ["-m", "tests.servers.tls", *words], log=folder / "qdrant.log")
    process.wait_until(lambda: listens(port), what=f"the stand-in for Qdrant listens on {port}", within_seconds=60)
    yield TlsServer(f"https://:{KEY}@127.0.0.1:{port}", authorities)
    process.stop()


def _answers(url: str, authority: Path) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=1, context=ssl.create_default_context(cafile=authority)) as answer:
            return bool(answer.status == 200)
    except (OSError, urllib.error.URLError):
        return False


if __name__ == "__main__":
    application = web.Application(middlewares=[with_key])
    application.add_routes(StandIn(Path(sys.argv[2])).routes())
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(sys.argv[3], sys.argv[4])
    web.run_app(application, host="127.0.0.1", port=int(sys.argv[1]), print=None, ssl_context=context)
