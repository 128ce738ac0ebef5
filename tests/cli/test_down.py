"""`aios down --wipe` deletes what aios made, and nothing from under those who still use it."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.console import EXAMPLES, aios, environment

SHARER = """
import pathlib, sys
from aios.embedded.state_folder import StateFolder
with StateFolder(pathlib.Path(sys.argv[1])).share():
    print("sharing", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A folder of somebody's own, with a team in it."""
    shutil.copytree(EXAMPLES / "01-hello", tmp_path / "hello")
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "HEAD").write_text("ref: refs/heads/main\n")
    (tmp_path / ".gitignore").write_text("*.pyc\n")
    return tmp_path


def files(folder: Path) -> dict[Path, str]:
    return {path: path.read_text() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("variable", [False, True])
def test_a_repository_is_neither_made_a_state_folder_nor_deleted(repository: Path, variable: bool) -> None:
    before = files(repository)
    named = {"AIOS_STATE_DIR": "."} if variable else {}
    option = () if variable else ("-C", ".")
    refused = aios("up", "hello", "--once", *option, cwd=repository, env=named)
    assert refused.code == 3
    assert "holds files that are not ours (.git, .gitignore, hello)" in refused.err
    assert refused.err.endswith(f"such as {repository}/.aios\n")
    for words in (("worker", "--agent", "default/x", "--state", "."), ("doctor", *option)):
        refused = aios(*words, cwd=repository, env={**named, "AIOS_NO_SUCH": "1"})
        assert (refused.code, "not ours" in refused.out + refused.err) == (3, True)
    assert aios("down", "--wipe", *option, cwd=repository, env=named).code == 1
    assert files(repository) == before


def test_the_command_that_is_advised_works_and_wiping_leaves_the_repository_as_it_was(repository: Path) -> None:
    before = files(repository)
    assert aios("up", "hello", "--once", "-C", repository / ".aios", cwd=repository).code == 0
    assert "greeting" in aios("get", "projects", "-C", ".", cwd=repository).out, "as git -C finds .git"
    wiped = aios("down", "--wipe", "-C", ".", cwd=repository)
    assert (wiped.code, wiped.err.splitlines()[-1]) == (0, "deleted .aios")
    assert files(repository) == before


def test_a_repository_that_an_older_version_filled_outlives_a_wipe(repository: Path) -> None:
    mixed = repository / "mixed"
    assert aios("up", "hello", "--once", "-C", mixed, cwd=repository).code == 0
    (mixed / "README.md").write_text("mine")
    wiped = aios("down", "--wipe", "-C", "mixed", cwd=repository)
    told, _, stays = wiped.err.splitlines()[-1].partition(": ")
    assert (wiped.code, told) == (0, "deleted what is surely of aios in mixed; the rest stays")
    assert {".gitignore", "README.md", "logs", "objects"} <= set(stays.split(", "))
    assert (mixed / "README.md").read_text() == "mine"
    assert not (mixed / "journal.db").exists()


def test_nothing_is_deleted_while_a_worker_runs(repository: Path) -> None:
    state = repository / ".aios"
    command = [sys.executable, "-c", SHARER, str(state)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment()) as worker:
        assert worker.stdout
        assert worker.stdout.readline() == b"sharing\n"
        before = files(state)
        refused = aios("down", "--wipe", cwd=repository)
        assert refused.code == 3
        assert "nothing was deleted, for workers still run in .aios: stop every `aios worker --state" in refused.err
        assert set(before) <= set(files(state))
        worker.communicate()
    assert aios("down", "--wipe", cwd=repository).code == 0
    assert not state.exists()
