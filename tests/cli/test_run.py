"""`aios run`: what it says when nobody looks on any more, and names that are taken."""

import shlex
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from subprocess import Popen

import pytest

from tests.acceptance.test_laptop import until
from tests.cli.console import EXAMPLES, aios, running

SLOW = """
apiVersion: aios.dev/v1alpha1
kind: Model
metadata: {name: slow}
spec:
  provider: Scripted
  script: [{reply: I wait., delay: 5m}]
---
apiVersion: aios.dev/v1alpha1
kind: AgentTeam
metadata: {name: slow, namespace: staging}
spec:
  strategy: Sequential
  members: [{name: worker, tier: Execution, models: [slow], prompt: You wait.}]
"""
INTERRUPTED = 130


@pytest.fixture
def driver(tmp_path: Path) -> Iterator["Popen[bytes]"]:
    """An `aios up` whose team never gets done with anything."""
    (tmp_path / "slow.yaml").write_text(SLOW.replace("name: slow}", "name: slow, namespace: staging}"))
    with running(tmp_path / "up.log", {}, "up", "slow.yaml", "-C", "the state") as up:
        until(lambda: "plan " in (tmp_path / "up.log").read_text(), "its start")
        yield up


@pytest.fixture
def watching(driver: "Popen[bytes]", tmp_path: Path) -> Iterator["Popen[bytes]"]:
    """An `aios run` that looks on while the `aios up` works."""
    words = ("run", "slow", "Wait.", "--name", "long", "-n", "staging", "-C", "the state")
    with running(tmp_path / "run.log", {}, *words) as run:
        until(lambda: f"process {driver.pid}, does the work" in (tmp_path / "run.log").read_text(), "its start")
        has_run = ("logs", "long", "-n", "staging", "-C", "the state")
        until(lambda: aios(*has_run, cwd=tmp_path).code == 0, "the run's first record")
        yield run


def last_line(log: Path) -> str:
    return log.read_text().splitlines()[-1]


def test_who_only_looks_on_is_told_that_it_goes_on_and_how_to_stop_it(
    driver: "Popen[bytes]", watching: "Popen[bytes]", tmp_path: Path
) -> None:
    watching.send_signal(signal.SIGINT)
    assert watching.wait(timeout=60) == INTERRUPTED

    said = last_line(tmp_path / "run.log")
    told, _, commands = said.partition(f"; process {driver.pid} goes on with it: ")
    assert told == "no longer watched", said
    look, cancel = commands.split(", or stop it: ")
    assert shlex.split(look) == ["aios", "logs", "long", "-f", "-n", "staging", "-C", "the state"]
    assert aios(*shlex.split(cancel)[1:], cwd=tmp_path).code == 0
    until(lambda: "long  Cancelled" in (tmp_path / "up.log").read_text(), "its end")


def test_who_looked_on_at_what_has_ended_meanwhile_is_told_how_to_go_on(
    driver: "Popen[bytes]", watching: "Popen[bytes]", tmp_path: Path
) -> None:
    driver.kill()
    driver.wait()
    watching.send_signal(signal.SIGINT)
    assert watching.wait(timeout=60) == INTERRUPTED
    assert last_line(tmp_path / "run.log") == "stopped. Go on with:  aios up -C 'the state'"


def test_who_does_the_work_itself_has_stopped_it(tmp_path: Path) -> None:
    (tmp_path / "slow.yaml").write_text(SLOW.replace(", namespace: staging", ""))
    with running(tmp_path / "run.log", {}, "run", "slow", "Wait.", "-f", "slow.yaml", "-C", ".aios") as run:
        until(lambda: "1 task" in (tmp_path / "run.log").read_text(), "its start")
        run.send_signal(signal.SIGINT)
        until(lambda: "stopping" in (tmp_path / "run.log").read_text(), "a word about the first Ctrl-C")
        run.send_signal(signal.SIGINT)
        assert run.wait(timeout=60) == INTERRUPTED
    assert "no longer watched" not in (tmp_path / "run.log").read_text()


@pytest.mark.parametrize(("applied", "files"), [(True, ()), (True, ("-f", "01-hello")), (False, ("-f", "01-hello"))])
def test_a_project_that_a_file_states_is_not_replaced(applied: bool, files: tuple[str, ...], tmp_path: Path) -> None:
    shutil.copytree(EXAMPLES / "01-hello", tmp_path / "01-hello")
    if applied:
        assert aios("up", "01-hello", "--once", cwd=tmp_path).code == 0
    before = aios("get", "project", "greeting", "-o", "json", cwd=tmp_path).out

    words = ("run", "hello", "Something else.", "--input", "whom=x", "--name", "greeting", *files)
    ran = aios(*words, cwd=tmp_path)

    assert (ran.code, ran.out) == (1, "")
    where = tmp_path / "01-hello" if applied else "01-hello"
    assert f'a project "greeting" is stated already, in {where}: give this one another --name' in ran.err
    assert aios("get", "project", "greeting", "-o", "json", cwd=tmp_path).out == before


def test_what_came_from_run_is_replaced_by_run(tmp_path: Path) -> None:
    shutil.copytree(EXAMPLES / "01-hello", tmp_path / "01-hello")
    (tmp_path / "01-hello" / "project.yaml").unlink()
    words = ("--input", "whom=x", "--name", "mine", "-f", "01-hello", "-C", ".aios")
    for goal in ("One.", "Another."):
        ran = aios("run", "hello", goal, *words, cwd=tmp_path)
        assert "is stated already" not in ran.err
        assert "1/1 tasks" in ran.err or "0/1 tasks" in ran.err, ran.err
