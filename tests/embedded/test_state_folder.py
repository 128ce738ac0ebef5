"""Where the state folder is, who drives it, and what is refused."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from aios.embedded.state_folder import StateFolder
from aios.errors import EnvironmentProblemError

DRIVER = (
    "import pathlib, sys, time\n"
    "from aios.embedded.state_folder import StateFolder\n"
    "with StateFolder(pathlib.Path(sys.argv[1])).drive():\n"
    "    print('driving', flush=True)\n"
    "    sys.stdin.read()\n"
)


def _located(first: Path | None, cwd: Path, **environment: str) -> Path:
    return StateFolder.locate(first, cwd=cwd, environment=environment).path


def test_variable_wins_over_everything(tmp_path: Path) -> None:
    (tmp_path / ".aios").mkdir()
    assert _located(tmp_path, tmp_path, AIOS_STATE_DIR="elsewhere") == tmp_path / "elsewhere"
    assert _located(None, tmp_path, AIOS_STATE_DIR="/var/aios") == Path("/var/aios")


def test_nearest_folder_upward_from_the_first_path_is_found(tmp_path: Path) -> None:
    deep = tmp_path / "a" / "b" / "c"
    deep.mkdir(parents=True)
    (deep / "team.yaml").touch()
    (tmp_path / ".aios").mkdir()
    assert _located(deep / "team.yaml", Path("/")) == tmp_path / ".aios"
    assert _located(Path("team.yaml"), deep) == tmp_path / ".aios"
    assert _located(None, deep) == tmp_path / ".aios"
    (tmp_path / "a" / "b" / ".aios").mkdir()
    assert _located(deep, Path("/")) == tmp_path / "a" / "b" / ".aios"


def test_without_one_it_is_made_beside_the_first_path(tmp_path: Path) -> None:
    folder = tmp_path / "team"
    folder.mkdir()
    assert _located(Path("team"), tmp_path) == tmp_path / ".aios"
    assert _located(Path("team/team.yaml"), tmp_path) == folder / ".aios"
    assert _located(None, folder) == folder / ".aios"
    assert list(tmp_path.iterdir()) == [folder], "locating makes nothing"


def test_opened_folder_is_private_and_stays_out_of_git(tmp_path: Path) -> None:
    state = StateFolder(tmp_path / ".aios")
    assert not StateFolder(state.path).exists
    state.open()
    state.open()
    assert state.exists
    assert state.path.stat().st_mode & 0o777 == 0o700
    assert (state.path / ".gitignore").read_text() == "*\n"


def test_second_driver_is_refused_and_told_of_the_first(tmp_path: Path) -> None:
    state = StateFolder(tmp_path / ".aios")
    with _driver(state) as first:
        assert _drivers(state) == [first.pid]
        with (
            pytest.raises(EnvironmentProblemError, match=rf"process {first.pid}, since 20\d\d-.*aios down"),
            state.drive(),
        ):
            pass
        first.kill()
        first.wait()
        assert _drivers(state) == []
        with state.drive():
            assert _drivers(state) == [os.getpid()]
    assert _drivers(state) == []


def test_folder_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    state = StateFolder(tmp_path / ".aios")
    state.open()
    (state.path / "version.json").write_text(json.dumps({"schema": 9}))
    with pytest.raises(EnvironmentProblemError, match=r"newer aios \(schema 9.*upgrade"):
        state.open()
    with pytest.raises(EnvironmentProblemError, match="newer"), state.drive():
        pass
    assert not (state.path / "up.lock").exists()


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"schema": "x"}'])
def test_folder_with_a_spoilt_version_is_refused(tmp_path: Path, content: str) -> None:
    state = StateFolder(tmp_path / ".aios")
    state.open()
    (state.path / "version.json").write_text(content)
    with pytest.raises(EnvironmentProblemError, match="AIOS_STATE_DIR"):
        state.open()


def test_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(EnvironmentProblemError, match="cannot use the state folder"):
        StateFolder(tmp_path / "file" / ".aios").open()


def _drivers(state: StateFolder) -> list[int]:
    return [pid for pid in [state.driver()] if pid is not None]


def _driver(state: StateFolder) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-c", DRIVER, str(state.path)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"driving\n"
    return process
