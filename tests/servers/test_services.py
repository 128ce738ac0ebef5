"""`make services` as a person uses it: started, used, killed in parts, stopped, started again with everything there."""

import os
import re
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.console import EXAMPLES, ROOT, aios, environment
from tests.servers.availability import ServerUnavailableError, skip_or_fail
from tests.servers.rabbitmq import rabbitmq_scripts
from tests.servers.redis import redis_program
from tests.servers.seaweedfs import weed_program
from tests.servers.services import address, identity
from tests.servers.waiting import eventually

START_SECONDS = 90.0


class Services:
    """A `make services` in the background over `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.log = folder, folder.with_suffix(".log")
        with self.log.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tests.servers.services", str(folder)],
                cwd=ROOT, stdout=output, stderr=subprocess.STDOUT, env=environment({"AIOS_TEST_BUILD": "0"}),
            )  # fmt: skip
        eventually(self._up, what=f"all services: {self.log}", within_seconds=START_SECONDS)

    @property
    def said(self) -> str:
        return self.log.read_text()

    @property
    def pids(self) -> dict[str, int]:
        return {name: int(pid) for name, pid in re.findall(r"^(\w+) .* pid (\d+)$", self.said, re.MULTILINE)}

    @property
    def variables(self) -> dict[str, str]:
        lines = (self.folder / "env").read_text().splitlines()
        return dict(re.findall(r"^export (\w+)=(\S+)$", "\n".join(lines), re.MULTILINE))

    def stop(self) -> int:
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(timeout=60)

    def _up(self) -> bool:
        if self.process.poll() is not None:
            pytest.fail(self.said)
        return "Ctrl-C stops them" in self.said


@pytest.fixture
def started() -> Iterator[list[Services]]:
    for find in (rabbitmq_scripts, redis_program, weed_program):
        try:
            find()
        except ServerUnavailableError as error:
            skip_or_fail(error)
    all_of_them: list[Services] = []
    yield all_of_them
    for services in all_of_them:
        if services.process.poll() is None:
            services.stop()


def test_the_team_runs_over_them_and_a_second_start_knows_it(tmp_path: Path, started: list[Services]) -> None:
    first = Services(tmp_path / "services")
    started.append(first)
    variables = first.variables
    assert {"AIOS_BROKER_URL", "AIOS_BROKER_ADMIN_URL", "AIOS_OBJECTS_URL", "AIOS_SESSIONS_URL"} <= variables.keys()
    done = aios("up", EXAMPLES / "02-software-team", "--once", "-C", "one", cwd=tmp_path, env=variables)
    assert done.code == 0, done.err
    assert ".venv/bin/aios doctor" in first.said, "what is said next works in a shell without the environment"
    assert first.stop() == 0

    second = Services(tmp_path / "services")
    started.append(second)
    assert second.variables == variables
    again = aios("up", EXAMPLES / "02-software-team", "--once", "-C", "two", cwd=tmp_path, env=variables)
    assert "nothing started, nothing spent" in again.out, again.err
    assert aios("doctor", "-C", "two", cwd=tmp_path, env=variables).code == 0


def test_a_killed_server_comes_back_and_no_password_is_shown(tmp_path: Path, started: list[Services]) -> None:
    services = Services(tmp_path / "services")
    started.append(services)
    private = tmp_path / "services"
    assert stat.S_IMODE((private / "env").stat().st_mode) == 0o600
    assert stat.S_IMODE(private.stat().st_mode) == 0o700
    for name, pid in services.pids.items():
        os.kill(pid, signal.SIGKILL)
        eventually(lambda name=name: f"{name} answers again" in services.said, what=f"{name}: {services.log}")  # type: ignore[misc]
    assert aios("doctor", "-C", "state", cwd=tmp_path, env=services.variables).code == 0
    for value in services.variables.values():
        assert value.partition("://")[2].partition("@")[0].rpartition(":")[2] not in services.said
        assert address(value) in services.said


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child that its parent died")
def test_killed_outright_it_leaves_no_server_behind(tmp_path: Path, started: list[Services]) -> None:
    services = Services(tmp_path / "services")
    started.append(services)
    pids = services.pids
    assert len(pids) >= 3
    services.process.kill()
    services.process.wait()
    eventually(lambda: not any(Path(f"/proc/{pid}/exe").exists() for pid in pids.values()), what=f"end of {pids}")
    started.append(Services(tmp_path / "services"))


def test_two_of_them_over_one_folder_are_refused(tmp_path: Path, started: list[Services]) -> None:
    started.append(Services(tmp_path / "services"))
    command = [sys.executable, "-m", "tests.servers.services", str(tmp_path / "services")]
    second = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert (second.returncode, "they run already: source" in second.stdout) == (3, True)


def test_a_port_that_somebody_else_took_is_named(tmp_path: Path) -> None:
    kept = identity(tmp_path, 1)
    with socket.socket() as other:
        other.bind(("127.0.0.1", kept.ports[0]))
        other.listen()
        with pytest.raises(ServerUnavailableError, match=f"port {kept.ports[0]} "):
            identity(tmp_path, 1)
