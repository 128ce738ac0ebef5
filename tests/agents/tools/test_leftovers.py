"""What a command left is found from outside, and nobody else's process is taken for it."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from aios.agents.tools import leftovers
from aios.agents.tools.leftovers import Remains, find, sweep

Start = Callable[..., "subprocess.Popen[bytes]"]
NOWHERE = "/no/such/home"


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts a process that sleeps in a session of its own; all are gone after the test."""
    started: list[subprocess.Popen[bytes]] = []

    def sleeping(**env: str) -> "subprocess.Popen[bytes]":
        sleep = subprocess.Popen(["sleep", "5391"], env={**os.environ, **env}, start_new_session=True)
        started.append(sleep)
        return sleep

    yield sleeping
    for process in started:
        process.kill()
        process.wait()


def test_a_session_is_ended_and_others_are_left_alone(start: Start) -> None:
    ours, other = start(), start()
    assert sweep(Remains(ours.pid, NOWHERE, reaped=False), 10) == []
    assert ours.wait(10) == -9
    assert other.poll() is None


@pytest.mark.skipif(sys.platform != "linux", reason="environments are seen on Linux")
def test_what_left_the_session_is_known_by_its_home(start: Start, tmp_path: Path) -> None:
    warden, child, other = start(), start(HOME=str(tmp_path)), start(HOME=f"{tmp_path}-of-another")
    found = find(Remains(warden.pid, str(tmp_path), reaped=False))
    assert set(found) == {warden.pid, child.pid}
    assert other.pid not in found


def test_a_number_that_was_given_out_anew_is_not_killed(start: Start) -> None:
    another = start()
    assert sweep(Remains(another.pid, NOWHERE, reaped=True), 10) == []
    assert another.poll() is None


def test_the_dead_are_not_waited_for(start: Start) -> None:
    warden = start()
    warden.kill()
    os.waitid(os.P_PID, warden.pid, os.WEXITED | os.WNOWAIT)
    assert find(Remains(warden.pid, NOWHERE, reaped=False)) == {warden.pid: False}
    assert sweep(Remains(warden.pid, NOWHERE, reaped=False), 10) == []
    assert warden.wait(10) == -9, "whoever started it still learns how it ended"


def test_what_does_not_end_is_named(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    immortal = start()
    monkeypatch.setattr(os, "kill", lambda *_: None)
    assert sweep(Remains(immortal.pid, NOWHERE, reaped=False), 0.1) == [immortal.pid]


def test_without_proc_a_session_is_found_by_ps(start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ours = start()
    monkeypatch.setattr(leftovers, "PROC", tmp_path)
    assert find(Remains(ours.pid, NOWHERE, reaped=False)) == {ours.pid: True}
    assert sweep(Remains(ours.pid, NOWHERE, reaped=False), 10) == []
    assert ours.wait(10) == -9


@pytest.mark.parametrize("name", ["a) S 1 1 1 (b", "with space"])
def test_a_process_may_be_called_anything(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for pid in ("self", "77"):
        (tmp_path / pid).mkdir()
        (tmp_path / pid / "stat").write_text(f"77 ({name}) R 1 42 4242 0 -1 4194560 0\n")
    monkeypatch.setattr(leftovers, "PROC", tmp_path)
    assert find(Remains(4242, NOWHERE, reaped=False)) == {77: True}


FIRST_PROCESS = """
import ctypes, os, subprocess
from aios.agents.tools.leftovers import Remains, sweep
ctypes.CDLL(None).prctl(36, 1)  # PR_SET_CHILD_SUBREAPER: orphans come to us, as they do to a container's first process
warden = subprocess.Popen(["sh", "-c", "sleep 5392 & exit 0"], start_new_session=True)
warden.wait()
print(sweep(Remains(warden.pid, "/no/such/home", reaped=True), 10))
try:
    print("still to be waited for:", os.waitpid(-1, os.WNOHANG))
except ChildProcessError:
    print("none")
"""


@pytest.mark.skipif(sys.platform != "linux", reason="orphans are adopted on Linux")
def test_the_first_process_of_a_container_keeps_no_dead_orphans() -> None:
    said = subprocess.run([sys.executable, "-c", FIRST_PROCESS], capture_output=True, text=True, check=True, timeout=30)
    assert said.stdout.split("\n")[:2] == ["[]", "none"]
