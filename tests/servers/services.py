"""`make services`: the servers of the tests for a person: on loopback, with data, ports and passwords that stay.

Everything is below one folder, which only this user may read. Nothing is downloaded or built: what is not installed is
named, with how to get it, and its port stays in the state folder of `aios`.
"""

import fcntl
import os
import shlex
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from tests.servers import qdrant_program, rabbitmq, seaweedfs
from tests.servers.availability import ServerUnavailableError
from tests.servers.identity import Identity, write_private
from tests.servers.minio import MinioProcess, find_minio
from tests.servers.process import ServerProcess
from tests.servers.qdrant_program import QdrantProcess
from tests.servers.rabbitmq import RabbitProcess
from tests.servers.redis import RedisProcess, redis_program
from tests.servers.seaweedfs import SeaweedProcess, weed_program
from tests.servers.waiting import NeverHappenedError

FOLDER = Path(".aios-services")
STOP_SECONDS = 30.0
LOOK_SECONDS = 1.0
APPEND_ONLY = ("--appendonly", "yes", "--appendfsync", "everysec")


class Server(Protocol):
    """What every server of the tests is."""

    process: ServerProcess

    def start(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Service:
    """A running server, and the variables by which `aios` finds it; their values hold its password."""

    name: str
    server: Server
    stop: Callable[[], None]
    variables: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Part:
    """One port's server: started in its folder, or what happens to the port when it is not installed."""

    start: Callable[[Path], Service]
    otherwise: str


def broker(folder: Path) -> Service:
    rabbitmq.rabbitmq_scripts()
    home = made(folder / "rabbitmq")
    server = RabbitProcess(home, identity(home, rabbitmq.PORTS))
    variables = {"AIOS_BROKER_URL": server.url, "AIOS_BROKER_ADMIN_URL": server.admin_url}
    return Service("RabbitMQ", server, lambda: server.stop(STOP_SECONDS), variables)


def objects(folder: Path) -> Service:
    """The store that holds the data already, else MinIO, else SeaweedFS. Another one would be empty, and every project
    would be done again."""
    minio = find_minio()
    if (folder / "seaweedfs").exists() or (minio is None and not (folder / "minio").exists()):
        weed_program()
        home = made(folder / "seaweedfs")
        weed = SeaweedProcess(home, identity(home, seaweedfs.PORTS))
        return Service("SeaweedFS", weed, lambda: weed.process.stop(STOP_SECONDS), {"AIOS_OBJECTS_URL": weed.url})
    if minio is None:
        raise ServerUnavailableError(f"no MinIO, and {folder / 'minio'} holds its data: put `minio` on PATH")
    home = made(folder / "minio")
    server = MinioProcess(minio, home, identity(home, 1))
    return Service("MinIO", server, lambda: server.process.stop(STOP_SECONDS), {"AIOS_OBJECTS_URL": server.url})


def sessions(folder: Path) -> Service:
    name = "Valkey" if "valkey" in redis_program().name else "Redis"
    home = made(folder / "redis")
    kept = identity(home, 1)
    server = RedisProcess(home, port=kept.ports[0], options=APPEND_ONLY, password=kept.password)
    return Service(name, server, lambda: server.process.stop(STOP_SECONDS), {"AIOS_SESSIONS_URL": server.url})


def knowledge(folder: Path) -> Service:
    qdrant_program.qdrant_program()
    home = made(folder / "qdrant")
    server = QdrantProcess(home, identity(home, qdrant_program.PORTS))
    return Service("Qdrant", server, lambda: server.process.stop(STOP_SECONDS), {"AIOS_KNOWLEDGE_URL": server.url})


PARTS = (
    Part(sessions, "leases and heartbeats stay in the state folder; engine and workers must share it"),
    Part(objects, "files and journal stay in the state folder; engine and workers must share it"),
    Part(knowledge, "Memory stays in the state folder, and workers without one do without it"),
    Part(broker, "the broker stays in the state folder; engine and workers must share it"),
)


def made(folder: Path) -> Path:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def identity(home: Path, ports: int) -> Identity:
    """The one that the folder keeps. Raises ServerUnavailableError when somebody else has one of its ports."""
    kept = Identity.kept(home / "identity.json", ports)
    for port in kept.ports:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError as error:
                advice = f"end what listens there, or delete {home / 'identity.json'} and {home} with its data"
                raise ServerUnavailableError(f"port {port} of {home.name} is taken: {advice}") from error
    return kept


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Raises ServerUnavailableError when another process has this folder's servers."""
    with (made(folder) / "lock").open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ServerUnavailableError(f"they run already: source {folder / 'env'}") from None
        yield


def start_all(folder: Path, stack: ExitStack) -> Iterator[Service]:
    """Those that are installed, each as soon as it answers; `stack` stops them. Says what is missing."""
    for part in PARTS:
        try:
            service = part.start(folder)
        except ServerUnavailableError as error:
            say(f"missing     {error}\n            {part.otherwise}")
            continue
        stack.callback(service.stop)
        where = " ".join(map(address, service.variables.values()))
        say(f"{service.name:<11} {where}  pid {service.server.process.pid}")
        yield service


def address(url: str) -> str:
    """A URL without its credentials."""
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{rest.rpartition('@')[2]}"


def exports(services: Sequence[Service]) -> str:
    """Lines for a shell, passwords included."""
    variables = [pair for service in services for pair in service.variables.items()]
    return "".join(f"export {name}={shlex.quote(value)}\n" for name, value in variables)


def watch(services: Sequence[Service], stopped: threading.Event) -> None:
    """Until told to stop; a server that ends is started again, as a supervisor would."""
    while not stopped.wait(LOOK_SECONDS):
        for service in services:
            process = service.server.process
            if process.exit_code is None:
                continue
            say(f"{service.name} ended (exit code {process.exit_code}, {process.log}): starts again")
            try:
                service.server.start()
                say(f"{service.name} answers again, pid {service.server.process.pid}")
            except NeverHappenedError as error:
                say(str(error))


def say(line: str) -> None:
    print(line, flush=True)


def run(folder: Path) -> int:
    """In the foreground. 0 when told to stop, 3 when nothing could be started."""
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    try:
        with alone(folder), ExitStack() as stack:
            services = list(start_all(folder, stack))
            if not services:
                return 3
            write_private(folder / "env", exports(services))
            say(f"\nIn other terminals: source {shlex.quote(os.path.relpath(folder / 'env'))}")
            say("                    .venv/bin/aios doctor; .venv/bin/aios up examples/02-software-team --once")
            say(f"Ctrl-C stops them; data, ports and passwords stay in {os.path.relpath(folder)}.")
            watch(services, stopped)
            say("stopping")
    except (ServerUnavailableError, NeverHappenedError) as error:
        say(str(error))
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(run(Path(sys.argv[1] if len(sys.argv) > 1 else FOLDER).absolute()))
