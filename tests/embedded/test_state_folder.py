"""Where the state folder is, who drives it, and what is refused."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from aios.embedded.state_folder import StateFolder
from aios.errors import EnvironmentProblemError, ServiceUnavailableError

DRIVER = (
    "import pathlib, sys, time\n"
    "from aios.embedded.state_folder import StateFolder\n"
    "with StateFolder(pathlib.Path(sys.argv[1])).drive():\n"
    "    print('driving', flush=True)\n"
    "    sys.stdin.read()\n"
)

SHARER = DRIVER.replace("drive()", "share()").replace("driving", "sharing")


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


def test_a_folder_of_somebody_elses_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    folder = tmp_path / "repository"
    folder.mkdir()
    for number in range(7):
        (folder / f"file{number}").touch()
    with pytest.raises(EnvironmentProblemError, match=r"not ours \(file0, .*, file4 and 2 more\): name an empty"):
        StateFolder(folder).open()
    assert len(list(folder.iterdir())) == 7


@pytest.mark.parametrize("name", [".DS_Store", "lost+found", ".nfs0000000001"])
def test_what_systems_put_into_any_folder_makes_it_nobodys(tmp_path: Path, name: str) -> None:
    (tmp_path / name).touch()
    StateFolder(tmp_path).open()


def test_a_folder_that_is_called_as_ours_are_is_ours(tmp_path: Path) -> None:
    """So what a wipe has left in it stands in nobody's way."""
    state = StateFolder(tmp_path / ".aios")
    state.path.mkdir()
    (state.path / "notes.txt").touch()
    state.open()
    assert state.exists


@pytest.mark.parametrize("ignored", ["*.pyc\n", ""])
def test_a_gitignore_that_is_not_ours_is_never_overwritten(tmp_path: Path, ignored: str) -> None:
    (tmp_path / ".gitignore").write_text(ignored)
    with pytest.raises(EnvironmentProblemError, match=r"not ours \(\.gitignore\)"):
        StateFolder(tmp_path).open()
    assert (tmp_path / ".gitignore").read_text() == ignored


def test_what_may_be_there_beforehand_is_kept(tmp_path: Path) -> None:
    state = StateFolder(tmp_path / ".aios")
    for name in ("secrets", "logs"):
        (state.path / name).mkdir(parents=True)
    (state.path / ".gitignore").write_text("*")
    (state.path / ".aios-x1y2.tmp").touch()  # as a crash leaves it
    state.open()
    assert state.exists
    assert (state.path / ".gitignore").read_text() == "*"


def test_a_folder_that_was_a_state_folder_remains_one_whatever_was_put_into_it(tmp_path: Path) -> None:
    state = StateFolder(tmp_path)
    state.open()
    (tmp_path / "README.md").touch()
    state.open()


def test_any_number_share_a_folder_and_it_is_deserted_when_the_last_one_died(tmp_path: Path) -> None:
    state = StateFolder(tmp_path / ".aios")
    with _started(SHARER, state, b"sharing") as first, _started(SHARER, state, b"sharing") as second:
        for one in (first, second):
            with state.deserted() as deserted:
                assert not deserted
            one.kill()
            one.wait()
        with state.deserted() as deserted:
            assert deserted


def test_nobody_begins_to_share_what_is_cleared_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    state = StateFolder(tmp_path / ".aios")
    state.open()
    monkeypatch.setattr("aios.embedded.state_folder.SHARE_SECONDS", 0.05)
    with state.deserted(), pytest.raises(ServiceUnavailableError, match=r"workers\.lock"), state.share():
        pass
    with state.share(), state.share(), state.deserted() as deserted:
        assert not deserted


def _drivers(state: StateFolder) -> list[int]:
    return [pid for pid in [state.driver()] if pid is not None]


def _driver(state: StateFolder) -> "subprocess.Popen[bytes]":
    return _started(DRIVER, state, b"driving")


def _started(program: str, state: StateFolder, says: bytes) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-c", program, str(state.path)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline().strip() == says
    return process


@pytest.mark.parametrize("enter", [StateFolder.share, StateFolder.drive])
def test_who_waited_while_it_was_wiped_does_not_go_on_in_what_is_left(
    tmp_path: Path, enter: Callable[[StateFolder], AbstractContextManager[None]], monkeypatch: pytest.MonkeyPatch
) -> None:
    state = StateFolder(tmp_path / ".aios")
    state.open()
    (state.path / "secrets").mkdir()
    open_ = StateFolder.open

    def opened_just_before(folder: StateFolder) -> None:
        open_(folder)
        (folder.path / "version.json").unlink()

    monkeypatch.setattr(StateFolder, "open", opened_just_before)
    with pytest.raises(EnvironmentProblemError, match="deleted just now"), enter(state):
        pass
