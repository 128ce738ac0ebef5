"""A pod that started before its cluster's services were stated looks again by itself, and is told to by nobody."""

import asyncio
import json
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from aios.desired.build import build_workers
from aios.naming import labels
from aios.wiring import unserved
from aios.wiring.unserved import WAIT_FOR_SERVICES, restart, wait_unserved
from tests.cli.console import environment
from tests.desired.building import lookup, member, model, team, worker_file

KUBELET_FORGETS_AFTER = 600.0
"""Seconds that a container ran: those of twice the longest back-off."""
PROGRAM = """
import sys
from aios.cli.main import main
from aios.wiring import unserved
unserved.WAIT_FOR_SERVICES = {seconds}
main({words!r})
"""
PROCESSES = {"worker": ["worker", "--config", "worker.json"], "engine": ["engine", "--cluster"]}
NAMESPACES = {"worker": "default", "engine": "aios-system"}


def start(folder: Path, words: list[str], seconds: float) -> "subprocess.Popen[str]":
    """The process in a pod without services, which waits so many seconds."""
    worker_file(folder)
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM.format(seconds=seconds, words=words)],
        env=environment({"POD_NAME": "a-pod"}),
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("process", PROCESSES)
def test_it_ends_well_by_itself_so_that_it_is_started_with_the_environment_of_then(
    tmp_path: Path, process: str
) -> None:
    with start(tmp_path, PROCESSES[process], 0.3) as pod:
        try:
            _, said = pod.communicate(timeout=60)
        finally:
            pod.kill()
    assert pod.returncode == 0, said
    (waiting,) = [line for line in map(json.loads, said.splitlines()) if line["level"] == "warning"]
    assert "AIOS_BROKER_URL, AIOS_OBJECTS_URL, AIOS_SESSIONS_URL" in waiting["message"]
    assert f"`{restart(NAMESPACES[process])}` does it at once" in waiting["message"]


@pytest.mark.parametrize("process", PROCESSES)
def test_it_is_told_to_stop_and_does_at_once(tmp_path: Path, process: str) -> None:
    with start(tmp_path, PROCESSES[process], 600.0) as pod:
        try:
            assert pod.stderr
            while "waiting" not in pod.stderr.readline():
                assert pod.poll() is None
            pod.send_signal(signal.SIGTERM)
            assert pod.wait(timeout=60) == 0
        finally:
            pod.kill()


def test_it_waits_for_longer_than_a_kubelet_takes_an_end_for_a_crash() -> None:
    assert WAIT_FOR_SERVICES > KUBELET_FORGETS_AFTER


async def test_the_line_says_when_it_looks_again(caplog: pytest.LogCaptureFixture) -> None:
    stop = asyncio.Event()
    stop.set()
    await wait_unserved(("AIOS_BROKER_URL",), "default", stop)
    (said,) = caplog.messages
    assert said == (
        "waiting: this cluster's services are not configured: AIOS_BROKER_URL; this pod's container starts anew in "
        "10 min to look again; `kubectl rollout restart deployment -n default "
        "-l app.kubernetes.io/managed-by=aios-operator` does it at once"
    )


async def test_it_says_so_when_its_time_has_come(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unserved, "WAIT_FOR_SERVICES", 0.01)
    with caplog.at_level("INFO"):
        await wait_unserved(("AIOS_BROKER_URL",), "default", asyncio.Event())
    assert caplog.messages[1:] == ["ends with exit code 0, to be started with what the Secrets state now"]


def test_the_command_restarts_workers_and_nothing_else_of_a_teams_namespace() -> None:
    (worker,) = build_workers(team(member("a")), lookup(model("local")))
    (stated,) = re.findall(r"-l (\S+)=(\S+)$", restart("default"))
    assert stated in labels(worker.config.team, worker.config.member.name).items()
    assert "-l" not in restart("aios-system").split()
