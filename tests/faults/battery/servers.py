"""The real services under the battery, and what can be done to each: kill, restart, forget, lose replies, stand
still."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from aios.wiring.services import Services
from tests.servers.minio import MinioProcess, find_or_build_minio
from tests.servers.process import ServerProcess, free_ports
from tests.servers.rabbitmq import RabbitProcess
from tests.servers.redis import RedisProcess
from tests.servers.seaweedfs import listens
from tests.servers.waiting import eventually

LOSSY_SLOTS = ("writer-1", "runner-1")
"""Who reaches the object store through a proxy that loses the reply of every third conditional write."""


@dataclass(slots=True)
class Servers:
    """`broker` None: all children share the state folder's."""

    redis: RedisProcess
    minio: MinioProcess
    proxy: ServerProcess
    proxy_port: int
    broker: RabbitProcess | None = None

    @property
    def services(self) -> Mapping[str, Services]:
        """URLs by slot."""
        lossy = self.minio.url.replace(f":{self.minio.port}", f":{self.proxy_port}")
        return {"": self._services(self.minio.url), **{slot: self._services(lossy) for slot in LOSSY_SLOTS}}

    def _services(self, objects: str) -> Services:
        broker, admin = (self.broker.url, self.broker.admin_url) if self.broker else ("", "")
        return Services(broker=broker, broker_admin=admin, objects=objects, journal=objects, sessions=self.redis.url)

    def flush_redis(self) -> None:
        """Everything it knew is gone. One that is dead knows nothing already."""
        if self.redis.process.exit_code is not None:
            return
        with socket.create_connection(("127.0.0.1", self.redis.port), timeout=5) as connection:
            connection.sendall(b"FLUSHALL\r\n")
            connection.recv(16)

    def kill_redis(self) -> None:
        """kill -9; without persistence it forgets as well."""
        kill(self.redis.process)

    def kill_minio(self) -> None:
        """kill -9: an outage of journal and files."""
        kill(self.minio.process)

    def kill_broker(self) -> None:
        """kill -9."""
        if self.broker is not None:
            self.broker.kill()

    def start_again(self) -> None:
        """Whoever is dead goes on with its data."""
        if self.redis.process.exit_code is not None:
            self.redis.start()
        if self.minio.process.exit_code is not None:
            self.minio.start()
        if self.broker is not None and self.broker.process.exit_code is not None:
            self.broker.start()

    def block_broker(self, *, blocked: bool) -> None:
        """A resource alarm: it takes no publish until there is room again."""
        if self.broker is not None:
            with contextlib.suppress(subprocess.CalledProcessError):  # it is dead; unblocked when it lives again
                self.broker.control("set_vm_memory_high_watermark", "0" if blocked else "0.4")

    def stall_proxy(self, number: signal.Signals) -> None:
        """SIGSTOP: replies come late, or after their reader has given up. SIGCONT."""
        os.kill(self.proxy.pid, number)


def kill(process: ServerProcess) -> None:
    """kill -9; returns when it is gone. Raises RuntimeError when it was gone before."""
    if process.exit_code is not None:
        raise RuntimeError(process.last_words())
    os.kill(process.pid, signal.SIGKILL)
    eventually(lambda: process.exit_code is not None, what=f"the end of {process.name}")


@contextlib.contextmanager
def servers(folder: Path, *, broker: bool) -> Iterator[Servers]:
    """A set of their own. Raises ServerUnavailableError saying how to get what is missing."""
    program = find_or_build_minio()
    with contextlib.ExitStack() as stack:
        redis = RedisProcess(made(folder / "redis"))
        stack.callback(_stop, redis)
        minio = MinioProcess(program, made(folder / "minio"))
        stack.callback(_stop, minio)
        rabbit = RabbitProcess(made(folder / "rabbitmq")) if broker else None
        if rabbit is not None:
            stack.callback(rabbit.stop)
        (port,) = free_ports(1)
        proxy = _proxy(minio.url, port, folder / "proxy.log")
        stack.callback(proxy.stop)
        yield Servers(redis, minio, proxy, port, rabbit)


def _stop(server: RedisProcess | MinioProcess) -> None:
    """Whichever process it has by then."""
    server.process.stop()


def _proxy(url: str, port: int, log: Path) -> ServerProcess:
    parts = urlsplit(url)
    arguments = ["-m", "tests.servers.lossy", str(port), f"http://{parts.hostname}:{parts.port}"]
    process = ServerProcess(Path(sys.executable), arguments, log=log)
    process.wait_until(lambda: listens(port), what=f"the proxy listens on {port}")
    return process


def made(folder: Path) -> Path:
    """The folder, which is there now."""
    folder.mkdir(parents=True, exist_ok=True)
    return folder
