"""A server of the tests never outlives them, however they end."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers import process
from tests.servers.process import COMPANION, ServerProcess, free_ports
from tests.servers.waiting import NeverHappenedError, eventually

SLEEP = Path("/bin/sleep")
PARENT = """
import sys, time
from pathlib import Path
from tests.servers.process import ServerProcess
print(ServerProcess(Path("/bin/sleep"), ["300"], log=Path(sys.argv[1])).pid, flush=True)
time.sleep(300)
"""


@pytest.fixture
def started(tmp_path: Path) -> Iterator[list[ServerProcess]]:
    servers = [ServerProcess(SLEEP, ["300"], log=tmp_path / "sleep.log")]
    yield servers
    for server in servers:
        server.stop()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child that its parent died")
def test_a_server_ends_when_the_test_process_is_killed(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PARENT, str(tmp_path / "sleep.log")],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    ) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        try:
            eventually(lambda: b"300" in command_line(pid) and b"-c" not in command_line(pid), what="sleep runs")
            parent.kill()
            eventually(lambda: not command_line(pid), what=f"end of {pid} after its parent's")
        finally:
            parent.kill()
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def test_a_server_that_ignores_a_polite_end_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "TERMINATE_SECONDS", 0.2)
    log = tmp_path / "sh.log"
    stubborn = ServerProcess(Path("/bin/sh"), ["-c", "trap '' TERM; echo ready; while :; do sleep 1; done"], log=log)
    eventually(lambda: "ready" in log.read_text(), what="the shell ignores SIGTERM")

    stubborn.stop()

    assert stubborn.exit_code == -signal.SIGKILL


def test_stopping_twice_is_harmless(started: list[ServerProcess]) -> None:
    (server,) = started
    server.stop()
    server.stop()
    assert server.exit_code == -signal.SIGTERM


def test_a_server_that_ends_before_it_is_ready_says_at_once_what_it_said(tmp_path: Path) -> None:
    server = ServerProcess(Path("/bin/sh"), ["-c", "echo no room; exit 7"], log=tmp_path / "sh.log")
    with pytest.raises(NeverHappenedError, match=r"ended before it listens\nsh, exit code 7, .*\nno room"):
        server.wait_until(lambda: False, what="it listens", within_seconds=60)


def test_a_server_that_is_never_ready_is_stopped_and_its_words_told(tmp_path: Path) -> None:
    server = ServerProcess(Path("/bin/sh"), ["-c", "echo starting; exec sleep 300"], log=tmp_path / "sh.log")
    eventually(lambda: "starting" in server.log.read_text(), what="its first word")
    with pytest.raises(NeverHappenedError, match=r"not within 0\.5 s: it listens\nsh, exit code None, .*\nstarting"):
        server.wait_until(lambda: False, what="it listens", within_seconds=0.5)
    assert server.exit_code == -signal.SIGTERM


def test_free_ports_are_different_and_below_those_of_outgoing_connections() -> None:
    ports = free_ports(50)
    assert len(set(ports)) == 50
    assert max(ports) + COMPANION < 32_768


def test_a_port_whose_companion_is_taken_is_not_given(monkeypatch: pytest.MonkeyPatch) -> None:
    taken, free = free_ports(2)
    choices = iter([taken, free])
    monkeypatch.setattr("random.randrange", lambda *_: next(choices))
    with socket.create_server(("127.0.0.1", taken + COMPANION)):
        assert free_ports(1) == [free]


def test_waiting_in_vain_names_what_was_waited_for() -> None:
    with pytest.raises(NeverHappenedError, match="the moon is blue"):
        eventually(lambda: None, what="the moon is blue", within_seconds=0.1)


def command_line(pid: int) -> bytes:
    """Empty once the process has ended, even while nobody has collected it."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return b""
