"""A RabbitMQ node on loopback, with an epmd, a cookie and data of its own: Debian's `rabbitmq-server`."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import urllib.error
import urllib.request
from base64 import b64encode
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from tests.servers.availability import ServerUnavailableError, skip_or_fail
from tests.servers.identity import Identity, write_private
from tests.servers.process import ServerProcess

VARIABLE = "AIOS_TEST_RABBITMQ"
ADMIN_VARIABLE = "AIOS_TEST_RABBITMQ_ADMIN"
_SCRIPTS = Path("/usr/lib/rabbitmq/bin")
START_SECONDS = 90.0
PORTS = 4


def rabbitmq_scripts() -> Path:
    """The folder with `rabbitmq-server`. Raises ServerUnavailableError saying how to get it."""
    if os.access(_SCRIPTS / "rabbitmq-server", os.X_OK):
        return _SCRIPTS
    found = shutil.which("rabbitmq-server")
    if not found:
        raise ServerUnavailableError("no RabbitMQ: apt install rabbitmq-server, or brew install rabbitmq")
    return Path(found).resolve().parent


class RabbitProcess:
    """A private node; `start` after `stop` or a kill goes on with its data."""

    def __init__(self, folder: Path, identity: Identity | None = None, *, configuration: str = "") -> None:
        """`identity`: ports of AMQP, management, distribution, epmd; data belong to the port of distribution.
        `configuration`: more lines of rabbitmq.conf.

        Raises ServerUnavailableError when RabbitMQ is not installed.
        """
        self._scripts, self._folder = rabbitmq_scripts(), folder
        identity = identity or Identity.fresh(PORTS)
        self.port, self._admin, distribution, self._epmd_port = identity.ports
        self.user, self.password = identity.user, identity.password
        self._environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            # The script becomes the node instead of its parent: signals, and our own death, reach it.
            "RUNNING_UNDER_SYSTEMD": "true",
            "LANG": "C.UTF-8",
            "RABBITMQ_NODENAME": f"aios-{distribution}@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_DIST_PORT": str(distribution),
            "ERL_EPMD_PORT": str(self._epmd_port),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_MNESIA_BASE": str(folder / "data"),
            "RABBITMQ_LOG_BASE": str(folder / "log"),
            "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq.conf"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "plugins"),
        }
        (folder / "plugins").write_text("[rabbitmq_management].\n")
        write_private(
            folder / "rabbitmq.conf",
            f"management.tcp.ip = 127.0.0.1\nmanagement.tcp.port = {self._admin}\n"
            f"default_user = {self.user}\ndefault_pass = {self.password}\n"
            "default_user_tags.administrator = true\nloopback_users = none\ndisk_free_limit.absolute = 50MB\n"
            f"{configuration}",
        )
        self._epmd = self._start_epmd()
        self.process = self._start()

    @property
    def url(self) -> str:
        """Of the default vhost."""
        return f"amqp://{self.user}:{self.password}@127.0.0.1:{self.port}/"

    @property
    def admin_url(self) -> str:
        return f"http://{self.user}:{self.password}@127.0.0.1:{self._admin}"

    def start(self) -> None:
        self.process = self._start()

    def kill(self) -> None:
        """SIGKILL to the whole node: the server's script runs it as a child."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.stop()

    def stop(self, within_seconds: float | None = None) -> None:
        """It takes six seconds to end by itself; what it is not given it is killed for."""
        self.process.stop(within_seconds)
        self.kill()
        self._epmd.stop()

    def control(self, *words: str) -> None:
        """`rabbitmqctl WORDS` on this node."""
        subprocess.run(
            [self._scripts / "rabbitmqctl", *words], env=self._environment, check=True, capture_output=True, timeout=60
        )

    def _start_epmd(self) -> ServerProcess:
        """The node would start one that outlives it."""
        program = shutil.which("epmd")
        if not program:
            raise ServerUnavailableError("no epmd: apt install rabbitmq-server")
        arguments = ["-port", str(self._epmd_port), "-address", "127.0.0.1"]
        return ServerProcess(Path(program), arguments, log=self._folder / "epmd.log", environment=self._environment)

    def _start(self) -> ServerProcess:
        process = ServerProcess(
            self._scripts / "rabbitmq-server",
            [],
            log=self._folder / "rabbitmq.log",
            environment=self._environment,
            folder=self._folder,
        )
        process.wait_until(self._is_up, what=f"RabbitMQ is up on port {self.port}", within_seconds=START_SECONDS)
        return process

    def _is_up(self) -> bool:
        try:
            return bool(ask(self.admin_url, "GET", "aliveness-test/%2F")["status"] == "ok")
        except (OSError, urllib.error.URLError, KeyError):
            return False


def ask(admin_url: str, method: str, path: str, body: Mapping[str, object] | None = None) -> Any:
    """The management API. Raises HTTPError and URLError."""
    head, _, address = admin_url.partition("@")
    user = head.partition("://")[2]
    request = urllib.request.Request(
        f"http://{address}/api/{path}",
        method=method,
        data=None if body is None else json.dumps(body).encode(),
        headers={"Authorization": f"Basic {b64encode(user.encode()).decode()}", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        text = answer.read()
    return json.loads(text) if text else None


def made_vhost(url: str, admin_url: str, name: str) -> str:
    """The URL of a vhost of that name, which is made if it is not there."""
    vhost = quote(name, safe="")
    ask(admin_url, "PUT", f"vhosts/{vhost}", {})
    user = quote(url.partition("://")[2].partition(":")[0], safe="")
    ask(admin_url, "PUT", f"permissions/{vhost}/{user}", {"configure": ".*", "write": ".*", "read": ".*"})
    return f"{url.rstrip('/')}/{vhost}"


@pytest.fixture(scope="session")
def rabbitmq(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RabbitProcess]:
    """One node for all tests; each keeps to a vhost of its own."""
    try:
        server = RabbitProcess(tmp_path_factory.mktemp("rabbitmq"))
    except ServerUnavailableError as error:
        skip_or_fail(error)
    os.environ[VARIABLE], os.environ[ADMIN_VARIABLE] = server.url, server.admin_url
    yield server
    del os.environ[VARIABLE], os.environ[ADMIN_VARIABLE]
    server.stop()
