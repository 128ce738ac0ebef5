"""What a folder holds after a command: read, or told by name what cannot be kept. The machine's own trouble passes."""

import errno
import os
from pathlib import Path

import pytest

from aios.spec.vocabulary import Privacy
from aios.workspace.folder import empty, scan
from aios.workspace.manifest import EMPTY, Manifest
from aios.workspace.paths import MAX_PATH, UnsafePathError
from tests.workspace.trees import lock, nested
from tests.workspace.unprivileged import unprivileged


def read(folder: Path) -> Manifest:
    return scan(folder, EMPTY, Privacy.PUBLIC).manifest


def _locked_each_way(place: Path) -> None:
    for mode, told in [
        (0o644, "'src/main.py' cannot be read: Permission denied: make it readable or remove it"),
        (0o200, "'src' cannot be read: Permission denied"),
        (0o000, "'src' cannot be read: Permission denied"),
    ]:
        folder = place / f"{mode:o}"
        (folder / "src").mkdir(parents=True)
        (folder / "src" / "main.py").touch()
        lock(folder / "src", mode)
        with pytest.raises(UnsafePathError, match=told):
            read(folder)
        lock(folder, mode)
        with pytest.raises(UnsafePathError, match="cannot be read: Permission denied"):
            read(folder)
        empty(folder)
        assert read(folder) == EMPTY


def test_a_folder_that_may_not_be_entered_or_read_is_told_by_name_and_can_be_emptied() -> None:
    unprivileged(_locked_each_way)


def _locked_file(place: Path) -> None:
    (place / "secret").touch(mode=0)
    with pytest.raises(UnsafePathError, match="'secret' cannot be read: Permission denied"):
        read(place)


def test_a_file_that_may_not_be_read_is_told_by_name() -> None:
    unprivileged(_locked_file)


@pytest.mark.parametrize(("levels", "name"), [(300, "d"), (1_500, "d"), (30, "x" * 200)])
def test_folders_deeper_than_any_path_are_refused_by_their_beginning(tmp_path: Path, levels: int, name: str) -> None:
    folder = nested(tmp_path / "copy", levels, name)
    with pytest.raises(UnsafePathError, match=f"'{name[:30]}.*deeper than a path of {MAX_PATH} characters.*remove it"):
        read(folder)
    empty(folder)
    assert read(folder) == EMPTY


def test_a_file_whose_path_is_too_long_is_refused_by_its_beginning(tmp_path: Path) -> None:
    nested(tmp_path, 3, "x" * 170)
    with pytest.raises(UnsafePathError, match=r"^'xxxx.*: a path has 1 to 512 characters, this one has 517"):
        read(tmp_path)


def test_a_path_too_long_for_the_system_is_told_by_name(tmp_path: Path) -> None:
    folder = tmp_path
    while len(str(folder)) < 3_600:
        folder /= "p" * 100
    nested(folder, 2, "é" * 120)
    with pytest.raises(UnsafePathError, match="cannot be read: File name too long"):
        read(folder)


@pytest.mark.parametrize("number", [errno.EIO, errno.EMFILE, errno.ESTALE])
def test_trouble_of_the_machine_passes_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    (tmp_path / "a").touch()

    def broken(path: Path) -> os.stat_result:
        raise OSError(number, os.strerror(number), str(path))

    monkeypatch.setattr(Path, "lstat", broken)
    with pytest.raises(OSError, match=os.strerror(number)) as caught:
        read(tmp_path)
    assert caught.value.errno == number
