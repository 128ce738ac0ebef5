"""Engine and workers as processes of their own: any number, killed and started as one likes."""

import signal
import subprocess
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path

from tests.acceptance.test_laptop import until
from tests.cli.console import EXAMPLES, aios, command, environment

MEMBERS = ("architect", "developer", "tester", "writer")
Process = subprocess.Popen[bytes]


@contextmanager
def running(log: Path, *words: str | Path) -> Iterator[Process]:
    """`aios WORDS` in the background, its output in `log`."""
    with log.open("ab") as output:
        process = subprocess.Popen(
            command(*words), cwd=log.parent, stdout=output, stderr=subprocess.STDOUT, env=environment()
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def worker(folder: Path, member: str) -> AbstractContextManager[Process]:
    """One replica of the member, over the state folder that all share."""
    agent = f"default/software-{member}"
    return running(folder / f"{member}.log", "worker", "--agent", agent, "--state", folder / ".aios")


def test_engine_and_workers_in_processes_of_their_own_finish_the_project(tmp_path: Path) -> None:
    with ExitStack() as stack:
        for member in MEMBERS:  # before there is any engine: they wait for it
            stack.enter_context(worker(tmp_path, member))
        until(lambda: "no engine has published" in (tmp_path / "writer.log").read_text(), "a worker that waits")
        example = EXAMPLES / "02-software-team"
        done = aios("engine", example, "--once", "-C", tmp_path / ".aios", cwd=tmp_path)
    assert done.code == 0, done.err
    assert "word-count  Succeeded  5/5 tasks" in done.out


def test_a_killed_engine_and_a_killed_worker_lose_nothing(tmp_path: Path) -> None:
    engine = ("engine", EXAMPLES / "02-software-team", "-C", tmp_path / ".aios")
    with ExitStack() as stack:
        for member in MEMBERS[1:]:
            stack.enter_context(worker(tmp_path, member))
        with running(tmp_path / "engine.log", *engine) as first, worker(tmp_path, "architect") as architect:
            until(lambda: "planned by architect" in (tmp_path / "engine.log").read_text(), "a plan")
            architect.kill()
            first.kill()
        stack.enter_context(worker(tmp_path, "architect"))
        done = aios(*engine, "--once", cwd=tmp_path)
    assert done.code == 0, done.err
    listed = aios("workspace", "ls", "word-count", "-C", tmp_path / ".aios", cwd=tmp_path)
    assert "wordcount.py" in listed.out


def test_a_worker_told_to_stop_ends_well(tmp_path: Path) -> None:
    with worker(tmp_path, "writer") as process:
        until(lambda: "no engine has published" in (tmp_path / "writer.log").read_text(), "a worker that waits")
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=60) == 0


def test_a_worker_needs_an_agent_or_a_configuration(tmp_path: Path) -> None:
    assert aios("worker", cwd=tmp_path).code == 2
    wrong = aios("worker", "--agent", "a/b/c", "--state", ".aios", cwd=tmp_path)
    assert (wrong.code, "NAMESPACE/NAME" in wrong.err) == (1, True)
