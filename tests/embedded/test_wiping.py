"""What `aios down --wipe` deletes of a state folder, and what it leaves to whoever made it."""

from pathlib import Path

import pytest

from aios.embedded import wiping
from aios.embedded.state_folder import StateFolder
from aios.embedded.wiping import wipe

OURS = (
    *("journal.db", "broker.db", "sessions.db", "leases.db", "counters.db", "resources.db"),
    *("journal.db-wal", "journal.db-shm", "journal.db-writer", "broker.db-owners"),
    *("services.json", "identity.json", "up.json", "up.lock", "workers.lock", ".aios-x1y2.tmp"),
)
FOLDERS = ("objects/aios-default", "knowledge/store", "scratch/1-1/files", "workers", "logs")


def used(folder: Path) -> StateFolder:
    """A state folder that holds one of everything we make in one."""
    state = StateFolder(folder)
    state.open()
    for name in OURS:
        (folder / name).touch()
    for name in FOLDERS:
        (folder / name).mkdir(parents=True)
        (folder / name / "file").touch()
    return state


@pytest.mark.parametrize("name", [".aios", "state"])
def test_a_folder_that_holds_nothing_but_ours_goes(tmp_path: Path, name: str) -> None:
    assert wipe(used(tmp_path / name)) == []
    assert not (tmp_path / name).exists()


@pytest.mark.parametrize("name", [".aios", "state"])
def test_keys_that_somebody_put_there_stay_and_git_still_ignores_them(tmp_path: Path, name: str) -> None:
    state = used(tmp_path / name)
    key = state.path / "secrets" / "anthropic" / "api-key"
    key.parent.mkdir(parents=True)
    key.write_text("mine")
    assert wipe(state) == [".gitignore", "secrets"]
    assert (key.read_text(), (state.path / ".gitignore").read_text()) == ("mine", "*\n")
    state.open()
    assert state.exists, "it begins again around the keys"


def test_of_a_folder_that_was_mixed_with_somebody_elses_only_names_go_that_nobody_else_has(tmp_path: Path) -> None:
    state = used(tmp_path / "repository")
    (state.path / ".git").mkdir()
    (state.path / "README.md").write_text("mine")
    assert wipe(state) == sorted([".git", ".gitignore", "README.md", *(name.partition("/")[0] for name in FOLDERS)])


def test_in_a_folder_that_is_called_as_ours_are_a_strangers_file_stays_alone(tmp_path: Path) -> None:
    state = used(tmp_path / ".aios")
    (state.path / "notes.txt").touch()
    assert wipe(state) == [".gitignore", "notes.txt"]


def test_what_lies_elsewhere_is_not_followed(tmp_path: Path) -> None:
    state, elsewhere = used(tmp_path / ".aios"), tmp_path / "elsewhere"
    (state.path / "objects").rename(elsewhere)
    (state.path / "objects").symlink_to(elsewhere)
    assert wipe(state) == []
    assert (elsewhere / "aios-default" / "file").exists()
    assert not state.path.exists()


def test_an_interrupted_wipe_can_be_begun_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    state = used(tmp_path / ".aios")

    def die(_: Path) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(wiping, "remove", die)
        with pytest.raises(KeyboardInterrupt):
            wipe(state)
    assert state.exists
    assert wipe(state) == []
