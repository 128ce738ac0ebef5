"""Ctrl-C while a service is frozen: once ends in bounded time, twice at once, and what was done is on record."""

import os
import shlex
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.test_laptop import until
from tests.acceptance.test_outages import private_minio
from tests.cli.console import EXAMPLES, aios, running
from tests.desired.building import worker_file
from tests.servers.minio import MinioProcess

__all__ = ["private_minio"]

EXAMPLE = EXAMPLES / "02-software-team"
ONCE_SECONDS, TWICE_SECONDS = 40.0, 12.0
INTERRUPTED = 130


@pytest.fixture
def frozen(private_minio: MinioProcess) -> MinioProcess:
    """A store that took connections and answers none from now on."""
    os.kill(private_minio.process.pid, signal.SIGSTOP)
    return private_minio


def interrupted(process: "subprocess.Popen[bytes]", pause: float | None = None) -> float:
    """How many seconds it takes to end; `pause`: from its taking the first Ctrl-C to the second, None for only one."""
    began = time.monotonic()
    process.send_signal(signal.SIGINT)
    if pause is not None:
        until(lambda: not is_pending(signal.SIGINT, process.pid), "its taking the first: two at once are one")
        try:
            process.wait(timeout=pause)
        except subprocess.TimeoutExpired:
            began = time.monotonic()
            process.send_signal(signal.SIGINT)
    process.wait(timeout=90)
    return time.monotonic() - began


@pytest.mark.parametrize(("pause", "within"), [(None, ONCE_SECONDS), (2.0, TWICE_SECONDS), (0.5, TWICE_SECONDS)])
def test_up_ends_while_its_store_is_frozen_and_goes_on_later(
    tmp_path: Path, private_minio: MinioProcess, pause: float | None, within: float
) -> None:
    log, pid, services = tmp_path / "up.log", private_minio.process.pid, {"AIOS_OBJECTS_URL": private_minio.url}
    with running(log, services, "up", EXAMPLE, "-C", tmp_path / ".aios") as process:
        until(lambda: "design" in log.read_text(), "a first task")
        os.kill(pid, signal.SIGSTOP)
        until(lambda: "waiting" in log.read_text(), "a line about the outage")
        assert interrupted(process, pause) < within, log.read_text()
        assert process.returncode == INTERRUPTED
    os.kill(pid, signal.SIGCONT)
    done = aios("up", EXAMPLE, "--once", "-C", ".aios", cwd=tmp_path, env=services)
    assert done.code == 0, done.out + done.err


@pytest.mark.parametrize(("pause", "within"), [(None, ONCE_SECONDS), (0.5, TWICE_SECONDS)])
@pytest.mark.parametrize("words", [("up", EXAMPLE), ("run", "software-team", "a goal", "-f", EXAMPLE)])
def test_what_waits_for_its_store_before_anything_runs_ends(
    tmp_path: Path, frozen: MinioProcess, words: tuple[str | Path, ...], pause: float | None, within: float
) -> None:
    log = tmp_path / "up.log"
    with running(log, {"AIOS_OBJECTS_URL": frozen.url}, *words, "-C", tmp_path / ".aios") as process:
        until(lambda: "waiting" in log.read_text(), "a line about the outage")
        assert interrupted(process, pause) < within, log.read_text()
        assert process.returncode == INTERRUPTED


def test_isolated_workers_end_with_a_second_ctrl_c(tmp_path: Path, private_minio: MinioProcess) -> None:
    log, state = tmp_path / "up.log", tmp_path / ".aios"
    with running(log, {"AIOS_OBJECTS_URL": private_minio.url}, "up", EXAMPLE, "--isolate", "-C", state) as process:
        until(lambda: "design" in log.read_text(), "a first task")
        os.kill(private_minio.process.pid, signal.SIGSTOP)
        children = set(children_of(process.pid))
        assert children
        assert interrupted(process, 1.0) < TWICE_SECONDS, log.read_text()
        until(lambda: not any(map(is_alive, children)), "its workers' end")


@pytest.mark.parametrize(("pause", "within"), [(None, ONCE_SECONDS), (0.5, TWICE_SECONDS)])
@pytest.mark.parametrize("by", ["--agent", "--config"])
def test_an_idle_worker_ends_while_its_store_is_frozen(
    tmp_path: Path, frozen: MinioProcess, by: str, pause: float | None, within: float
) -> None:
    log = tmp_path / "worker.log"
    services = {
        "AIOS_BROKER_URL": "amqp://u:p@127.0.0.1:1/",
        "AIOS_OBJECTS_URL": frozen.url,
        "AIOS_SESSIONS_URL": "redis://127.0.0.1:1",
    }
    named = "default/software-developer" if by == "--agent" else worker_file(tmp_path)
    with running(log, services, "worker", by, named) as process:
        until(lambda: "waiting" in log.read_text(), "a line about the outage")
        assert interrupted(process, pause) < within, log.read_text()
        assert process.returncode == os.EX_OK


def is_pending(number: signal.Signals, pid: int) -> bool:
    """Whether it was sent to the process and has not reached it yet."""
    found = subprocess.run(["ps", "-o", "pending=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return bool(int(found.stdout.strip() or "0", 16) >> (number - 1) & 1)


def children_of(pid: int) -> Iterator[int]:
    found = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True, check=False)
    return map(int, found.stdout.split())


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.parametrize(
    ("words", "code"), [(("up",), INTERRUPTED), (("engine", "--once"), INTERRUPTED), (("engine",), os.EX_OK)]
)
def test_what_is_stopped_says_the_command_that_goes_on(tmp_path: Path, words: tuple[str, ...], code: int) -> None:
    log, team, state = tmp_path / "up.log", tmp_path / "my team", tmp_path / "else where"
    shutil.copytree(EXAMPLE, team)
    with running(log, {}, *words[:1], team, *words[1:], "-C", state) as process:
        until(lambda: "plan " in log.read_text(), "its start")
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=ONCE_SECONDS) == code, log.read_text()
    (line,) = [line for line in log.read_text().splitlines() if line.startswith("stopped.")]
    said = shlex.split(line.removeprefix("stopped. Go on with:"))
    assert said == ["aios", *words[:1], str(team), *words[1:], "-C", "else where"]
