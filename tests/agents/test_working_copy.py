"""An attempt's files beside those that it may not see, and after commands that left nothing of it as it was."""

import asyncio
from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path

import pytest

from aios.agents.working_copy import WorkingCopy
from aios.embedded.object_store import FolderObjects
from aios.spec.vocabulary import Privacy
from aios.workspace.manifest import FileEntry, Manifest
from aios.workspace.paths import UnsafePathError
from aios.workspace.removal import remove
from aios.workspace.store import Workspace
from tests.agents.stage import Stage
from tests.workspace.trees import lock, nested
from tests.workspace.unprivileged import unprivileged


@pytest.fixture
async def secrets(stage: Stage) -> AsyncIterator[WorkingCopy]:
    """A copy of a workspace with two files that the agent is not cleared for."""
    hidden = FileEntry("0" * 64, 1, privacy=Privacy.RESTRICTED)
    manifest = Manifest({"data": hidden, "reports/may": hidden})
    may_see = Privacy.INTERNAL.permits
    yield WorkingCopy(stage.workspace, stage.place / "copy", manifest=manifest, may_see=may_see)


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("data", "'data' exists and holds Restricted data"),
        ("data/x.txt", "'data' exists and holds Restricted data"),
        ("reports", "'reports' is a folder that holds Restricted data"),
    ],
)
async def test_nothing_stands_where_something_unseen_is(secrets: WorkingCopy, path: str, told: str) -> None:
    place = await secrets.open() / path
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text("mine")
    with pytest.raises(UnsafePathError, match=told):
        await secrets.keep(Privacy.PUBLIC)


async def test_what_stands_beside_it_is_kept(secrets: WorkingCopy) -> None:
    place = await secrets.open() / "reports" / "june"
    place.parent.mkdir()
    place.write_text("mine")
    await secrets.keep(Privacy.PUBLIC)
    assert sorted(secrets.manifest.files) == ["data", "reports/june", "reports/may"]


async def _copy(place: Path) -> WorkingCopy:
    """A working copy of one file, opened."""
    (place / "made" / "src").mkdir(parents=True)
    (place / "made" / "src" / "main.py").write_text("print()")
    workspace = Workspace(FolderObjects(place / "bucket"), "w/")
    manifest = await workspace.snapshot(place / "made")
    copy = WorkingCopy(workspace, place / "scratch" / "copy", manifest=manifest, may_see=Privacy.INTERNAL.permits)
    await copy.open()
    return copy


async def _undone(place: Path, *, spoil: Callable[[Path], object], told: str) -> None:
    """What a command spoils is told, undone, and made anew from the record; then it can be removed."""
    copy = await _copy(place)
    folder = await copy.open()
    spoil(folder)
    with pytest.raises(UnsafePathError, match=told):
        await copy.keep(Privacy.PUBLIC)
    copy.undo()
    assert await copy.open() == folder
    assert [path.relative_to(folder).as_posix() for path in folder.rglob("*")] == ["src", "src/main.py"]
    await copy.keep(Privacy.PUBLIC)
    assert list(copy.manifest.files) == ["src/main.py"]
    spoil(folder)
    remove(folder)
    assert not folder.exists()


def _locked(place: Path) -> None:
    for mode in (0o644, 0o000):
        within, around = partial(lock, mode=mode), partial(_lock_around, mode=mode)
        asyncio.run(_undone(place / f"{mode:o}", spoil=within, told="cannot be read: Permission denied"))
        asyncio.run(_undone(place / f"around-{mode:o}", spoil=around, told="was taken away or locked"))


def _lock_around(folder: Path, mode: int) -> None:
    folder.parent.chmod(mode)


def test_a_command_that_locks_the_folder_or_the_one_around_it_spoils_nothing_but_its_own_work() -> None:
    unprivileged(_locked)


async def test_folders_deeper_than_any_path_spoil_nothing_but_the_work_of_their_command(tmp_path: Path) -> None:
    await _undone(tmp_path, spoil=lambda folder: nested(folder, 1_500), told="deeper than a path of 512 characters")


async def test_a_link_in_the_place_of_the_folder_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "secret").write_text("of somebody else")

    def replaced(folder: Path) -> None:
        remove(folder)
        folder.symlink_to(tmp_path / "elsewhere")

    await _undone(tmp_path, spoil=replaced, told="was taken away or locked")
    assert (tmp_path / "elsewhere" / "secret").read_text() == "of somebody else"
