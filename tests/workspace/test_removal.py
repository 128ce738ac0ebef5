"""Whatever a command left in its folder goes, and nothing beside it."""

import os
from pathlib import Path

import pytest

from aios.workspace.removal import remove
from tests.workspace.trees import lock, nested
from tests.workspace.unprivileged import unprivileged


@pytest.mark.parametrize(("levels", "name"), [(1_500, "d"), (40, "x" * 200)])
def test_a_tree_of_any_depth_is_removed(tmp_path: Path, levels: int, name: str) -> None:
    remove(nested(tmp_path / "copy", levels, name))
    assert not any(tmp_path.iterdir())


def test_a_tree_as_wide_as_deep_is_removed(tmp_path: Path) -> None:
    for one in "abc":
        for two in "abc":
            (tmp_path / "copy" / one / two / "empty").mkdir(parents=True)
            (tmp_path / "copy" / one / two / "file").write_text(one)
        (tmp_path / "copy" / one / "file").write_text(one)
    os.mkfifo(tmp_path / "copy" / "a" / "pipe")
    remove(tmp_path / "copy")
    assert not any(tmp_path.iterdir())


def test_links_are_removed_and_not_followed(tmp_path: Path) -> None:
    (tmp_path / "kept" / "inner").mkdir(parents=True)
    (tmp_path / "kept" / "file").write_text("mine")
    (tmp_path / "kept").chmod(0o755)
    (tmp_path / "copy" / "deep").mkdir(parents=True)
    for place in (tmp_path / "copy" / "link", tmp_path / "copy" / "deep" / "link", tmp_path / "instead"):
        place.symlink_to(tmp_path / "kept")
    remove(tmp_path / "copy")
    remove(tmp_path / "instead")
    assert [place.name for place in tmp_path.iterdir()] == ["kept"]
    assert sorted(place.name for place in (tmp_path / "kept").iterdir()) == ["file", "inner"]
    assert (tmp_path / "kept").stat().st_mode & 0o777 == 0o755


def test_a_file_in_the_place_of_the_folder_goes_and_nothing_there_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "copy").write_text("")
    remove(tmp_path / "copy")
    remove(tmp_path / "copy")
    remove(tmp_path / "none" / "copy")
    assert not any(tmp_path.iterdir())


def _locked_each_way(place: Path) -> None:
    for mode in (0o644, 0o500, 0o100, 0o000):
        copy = nested(place / "scratch" / "copy", 5)
        (copy / "d" / "e" / "f").mkdir(parents=True)
        lock(copy, mode)
        remove(copy)
        assert not copy.exists()


def test_folders_that_a_command_locked_are_removed() -> None:
    unprivileged(_locked_each_way)


def _locked_around(place: Path) -> None:
    for mode in (0o644, 0o555, 0o000):
        copy = nested(place / "scratch" / "copy", 2)
        copy.parent.chmod(mode)
        remove(copy)
        assert not copy.exists()
        assert copy.parent.stat().st_mode & 0o777 == mode | 0o700


def test_the_folder_around_it_may_be_locked_too() -> None:
    unprivileged(_locked_around)
