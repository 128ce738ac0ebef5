"""What a person does on a laptop, by the processes a person starts: nothing here knows how AIOS is made."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.cli.console import EXAMPLES, aios, command, environment

PATIENCE = 90.0


class Up:
    """An `aios up` in the background, its output in a file."""

    def __init__(self, folder: Path, *words: str, ledger: Path | None = None) -> None:
        self.log = folder / "up.log"
        extra = {"AIOS_SCRIPTED_LEDGER": str(ledger)} if ledger else {}
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(
                command("up", *words), cwd=folder, stdout=output, stderr=subprocess.STDOUT, env=environment(extra)
            )

    def says(self, words: str) -> None:
        """Wait until it has printed `words`."""
        until(lambda: words in self.log.read_text(encoding="utf-8"), f"{words!r} in {self.log}")

    def end(self, number: signal.Signals = signal.SIGINT) -> int:
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(timeout=PATIENCE)


def until(holds: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not holds():
        if time.monotonic() > deadline:
            pytest.fail(f"waited {PATIENCE} s for {what}")
        time.sleep(0.05)


@pytest.fixture
def software(tmp_path: Path) -> Path:
    shutil.copytree(EXAMPLES / "02-software-team", tmp_path / "team")
    return tmp_path


@pytest.fixture
def background() -> Iterator[list[Up]]:
    """What is put into the list is ended, whatever the test came to."""
    started: list[Up] = []
    yield started
    for one in started:
        if one.process.poll() is None:
            one.process.kill()
            one.process.wait()


def calls(ledger: Path) -> list[str]:
    """The key of every request that reached a model."""
    if not ledger.exists():
        return []
    return [json.loads(line)["key"] for line in ledger.read_text(encoding="utf-8").splitlines()]


def test_the_software_team_delivers_files_whose_own_tests_pass_and_a_second_up_spends_nothing(software: Path) -> None:
    ledger = software / "ledger"
    first = aios("up", "team", "--once", cwd=software, env={"AIOS_SCRIPTED_LEDGER": str(ledger)})
    assert first.code == 0, first.out + first.err
    for words in ("planned by architect (strong, scripted): 5 tasks", "failed check:", "escalated: "):
        assert words in first.out
    paid = calls(ledger)
    assert len(paid) == len(set(paid)) > 0

    second = aios("up", "team", "--once", cwd=software, env={"AIOS_SCRIPTED_LEDGER": str(ledger)})
    assert second.code == 0
    assert "plan   no changes" in second.out
    assert "nothing started, nothing spent" in second.out
    assert calls(ledger) == paid

    assert aios("workspace", "export", "word-count", "out", cwd=software).code == 0
    tests = subprocess.run(
        [sys.executable, "-m", "unittest", "-q"], cwd=software / "out", capture_output=True, text=True, check=False
    )
    assert tests.returncode == 0, tests.stderr
    counted = subprocess.run(
        [sys.executable, "main.py"],
        cwd=software / "out",
        input="one  two\n",
        capture_output=True,
        text=True,
        check=True,
    )
    assert counted.stdout == "2\n"


def test_every_replica_in_a_process_of_its_own(software: Path) -> None:
    ran = aios("up", "team", "--once", "--isolate", cwd=software)
    assert ran.code == 0, ran.out + ran.err
    assert "Succeeded  5/5 tasks" in ran.out
    assert list((software / ".aios" / "workers").iterdir()) == []


def test_a_second_up_is_refused_and_names_the_first(software: Path, background: list[Up]) -> None:
    first = Up(software, "team")
    background.append(first)
    first.says("plan ")
    second = aios("up", "team", "--once", cwd=software)
    assert second.code == 3
    assert f"process {first.process.pid}" in second.err
    assert "aios down" in second.err
    first.says("Succeeded")
    stopped = aios("down", cwd=software)
    assert stopped.code == 0
    assert f"process {first.process.pid}" in stopped.err
    assert first.process.wait(timeout=PATIENCE) == 130


@pytest.mark.parametrize("isolate", [False, True], ids=["in-process", "isolated"])
def test_killed_in_the_middle_it_resumes_and_repeats_no_recorded_call(
    software: Path, background: list[Up], isolate: bool
) -> None:
    ledger = software / "ledger"
    flags = ("--isolate",) if isolate else ()
    first = Up(software, "team", *flags, ledger=ledger)
    background.append(first)
    first.says("done   1 file")
    first.end(signal.SIGKILL)
    workers = [Path(entry) for entry in _processes_of(software)]
    until(lambda: not any(one.exists() for one in workers), "the workers to die with their parent")
    ran = aios("up", "team", "--once", *flags, cwd=software, env={"AIOS_SCRIPTED_LEDGER": str(ledger)})
    assert ran.code == 0, ran.out + ran.err
    assert "resumed at" in ran.out
    assert "Succeeded  5/5 tasks" in ran.out
    keys = calls(ledger)
    assert len(keys) == len(set(keys)), "a try of a call has a key of its own: none may be sent twice"


def _processes_of(folder: Path) -> list[str]:
    """/proc entries of workers over this state folder; empty where there is no /proc."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            words = (entry / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if b"worker" in words and os.fsencode(folder / ".aios") in words:
            found.append(str(entry))
    return found


def test_an_edit_is_applied_live_and_a_broken_one_changes_nothing(software: Path, background: list[Up]) -> None:
    shutil.copytree(EXAMPLES / "01-hello", software / "hello")
    project = (software / "hello" / "project.yaml").rename(software / "later.yaml")
    running = Up(software, "hello")
    background.append(running)
    running.says("plan ")
    (software / "hello" / "broken.yaml").write_text("apiVersion: aios.dev/v1alpha1\nkind: Projct\n", encoding="utf-8")
    running.says("what was applied before stays")
    assert aios("get", "-o", "name", cwd=software).out.count("\n") == 3
    (software / "hello" / "broken.yaml").unlink()
    shutil.copy(project, software / "hello" / "project.yaml")
    running.says("greeting  Succeeded")
    (software / "hello" / "project.yaml").unlink()
    running.says("- 1 project")
    until(lambda: "project" not in aios("get", "-o", "name", cwd=software).out, "the project to be gone")
    assert running.end() == 130
    assert "Go on with:" in running.log.read_text(encoding="utf-8")


def test_run_gives_its_project_to_the_up_that_runs(software: Path, background: list[Up]) -> None:
    shutil.copytree(EXAMPLES / "01-hello", software / "hello")
    (software / "hello" / "project.yaml").unlink()
    models = software / "hello" / "models.yaml"
    models.write_text(models.read_text(encoding="utf-8").replace("task: greet", "task: greeter"), encoding="utf-8")
    running = Up(software, "hello")
    background.append(running)
    running.says("plan ")
    ran = aios("run", "hello", "Say hello", "--input", "whom=World", "--name", "quick", cwd=software)
    assert ran.code == 0, ran.out + ran.err
    assert f"process {running.process.pid}" in ran.err
    assert ran.out.splitlines()[1].split() == ["greeting.txt", "14"]
    running.says("quick  Succeeded")


def test_no_permitted_model_waits_with_a_reason_and_never_goes_to_the_cloud(
    software: Path, background: list[Up]
) -> None:
    ledger = software / "ledger"
    project = software / "team" / "project.yaml"
    task = "  - {name: secret, member: architect, privacy: Restricted, instructions: Write it., outputs: [secret.txt]}"
    project.write_text(f"{project.read_text(encoding='utf-8')}\n  tasks:\n{task}\n", encoding="utf-8")
    running = Up(software, "team", ledger=ledger)
    background.append(running)
    running.says("waits: ")
    until(
        lambda: "NoPermittedModel" in aios("get", "projects", "-o", "wide", cwd=software).out,
        "the reason in the status",
    )
    assert calls(ledger) == []


def test_yaml_from_stdin(tmp_path: Path) -> None:
    files = sorted((EXAMPLES / "01-hello").glob("*.yaml"))
    text = "\n---\n".join(file.read_text(encoding="utf-8") for file in files)
    ran = aios("up", "-", "--once", cwd=tmp_path, stdin=text)
    assert ran.code == 0, ran.out + ran.err
    assert "greeting  Succeeded" in ran.out


def test_wrong_yaml_starts_nothing(tmp_path: Path) -> None:
    (tmp_path / "team.yaml").write_text("apiVersion: aios.dev/v1alpha1\nkind: AgentTeam\n", encoding="utf-8")
    ran = aios("up", "team.yaml", "--once", cwd=tmp_path)
    assert ran.code == 1
    assert "Nothing was applied." in ran.err
    assert not (tmp_path / ".aios" / "journal.db").exists()


def test_the_demo_ends_with_what_was_delivered_and_what_was_real(tmp_path: Path) -> None:
    ran = subprocess.run(
        command("demo"),
        cwd=EXAMPLES.parent,
        capture_output=True,
        text=True,
        check=False,
        timeout=180,
        env=environment({"TMPDIR": str(tmp_path)}),
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    for words in ("tasks\n", "delivered\n", "Ran 5 tests", "\nOK\n", "what was real", "scripted", "next\n"):
        assert words in ran.stdout


def test_what_a_cache_of_replies_answered_is_told_and_paid_for_no_more(tmp_path: Path) -> None:
    shutil.copytree(EXAMPLES / "01-hello", tmp_path / "team")
    team, project = tmp_path / "team" / "team.yaml", tmp_path / "team" / "project.yaml"
    team.write_text(team.read_text().replace("spec:\n", "spec:\n  limits: {replyCache: 1h}\n"))
    stated = project.read_text()
    ran = aios("up", "team", "--once", cwd=tmp_path)
    for rerun in ("second", "third"):  # the second one finds the first one's file in its workspace: another question
        project.write_text(stated.replace("spec:\n", f"spec:\n  rerun: {rerun}\n"))
        ran = aios("up", "team", "--once", cwd=tmp_path)
    assert "1/1 tasks  2 calls, 2 from the cache, $0.00 paid" in ran.out, ran.out
    described = aios("describe", "project", "greeting", cwd=tmp_path).out
    assert "cached: 2" in aios("get", "project", "greeting", "-o", "yaml", cwd=tmp_path).out
    assert "2 (2 cached)" in described
    assert "in all: 2 calls, 2 from the cache, $0.00 paid" in described
