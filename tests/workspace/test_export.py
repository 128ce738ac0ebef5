"""Files written beside somebody's own: what is in the way, or would be run, is told before the first is written."""

from pathlib import Path

import pytest

from aios.embedded.object_store import FolderObjects
from aios.errors import EnvironmentProblemError
from aios.workspace.head import CommitIntent
from aios.workspace.store import Workspace

HOOK = ".git/hooks/pre-commit"


async def workspace(place: Path, *paths: str) -> Workspace:
    """A workspace with `a.txt`, which is written first, and the files named."""
    for path in ("a.txt", *paths):
        (place / "mine" / path).parent.mkdir(parents=True, exist_ok=True)
        (place / "mine" / path).write_text(path)
    made = Workspace(FolderObjects(place / "bucket"), "w/")
    manifest = await made.snapshot(place / "mine")
    await made.commit(CommitIntent("c1", "run/c1", "", manifest.digest, "developer", "c1"))
    return made


def found(folder: Path) -> list[str]:
    return sorted(place.relative_to(folder).as_posix() for place in folder.rglob("*") if place.is_file())


@pytest.mark.parametrize(
    ("path", "repository", "into"),
    [
        (HOOK, "out", "out"),
        (".GIT/config", "out", "out"),
        (".git", "out", "out/build/files"),
        (f"build/{HOOK}", "out", "out"),
        (f"lib/{HOOK}", "out/lib", "out"),
    ],
)
async def test_nothing_is_written_into_the_git_of_a_work_tree(
    tmp_path: Path, path: str, repository: str, into: str
) -> None:
    exported = await workspace(tmp_path, path)
    (tmp_path / repository / ".git").mkdir(parents=True)
    with pytest.raises(EnvironmentProblemError) as caught:
        await exported.export(tmp_path / into)
    assert f"{path!r} would be written into a git repository, {tmp_path / repository}, which" in str(caught.value)
    assert "Name another folder, outside of it." in str(caught.value)
    assert found(tmp_path / "out") == []


async def test_a_link_to_a_work_tree_is_one_and_a_work_tree_of_git_worktree_too(tmp_path: Path) -> None:
    exported = await workspace(tmp_path, HOOK)
    (tmp_path / "tree" / "src").mkdir(parents=True)
    (tmp_path / "tree" / ".git").write_text("gitdir: elsewhere")
    (tmp_path / "link").symlink_to(tmp_path / "tree" / "src")
    with pytest.raises(EnvironmentProblemError, match="would be written into a git repository"):
        await exported.export(tmp_path / "link")
    assert found(tmp_path / "tree") == [".git"]


async def test_a_repository_of_the_agents_own_is_exported_where_none_is(tmp_path: Path) -> None:
    exported = await workspace(tmp_path, HOOK)
    await exported.export(tmp_path / "out")
    assert found(tmp_path / "out") == [HOOK, "a.txt"]


async def test_other_files_are_exported_into_a_work_tree(tmp_path: Path) -> None:
    exported = await workspace(tmp_path, ".gitignore", ".github/workflows/ci.yaml")
    (tmp_path / "out" / ".git").mkdir(parents=True)
    await exported.export(tmp_path / "out")
    assert found(tmp_path / "out") == [".github/workflows/ci.yaml", ".gitignore", "a.txt"]


async def test_a_file_where_a_folder_would_be_is_told_before_anything_is_written(tmp_path: Path) -> None:
    exported = await workspace(tmp_path, "src/deep/main.py")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "src").write_text("mine")
    with pytest.raises(EnvironmentProblemError, match=r"other files of the same names: src/deep/main\.py\. Name"):
        await exported.export(tmp_path / "out")
    assert found(tmp_path / "out") == ["src"]


async def test_a_link_on_the_way_is_told_before_anything_is_written(tmp_path: Path) -> None:
    exported = await workspace(tmp_path, "src/main.py")
    for folder in ("out", "elsewhere"):
        (tmp_path / folder).mkdir()
    (tmp_path / "out" / "src").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(EnvironmentProblemError, match=r"out: 'src/main\.py' passes a symbolic link.* Name another"):
        await exported.export(tmp_path / "out")
    assert found(tmp_path / "out") == found(tmp_path / "elsewhere") == []


async def test_a_file_in_the_place_of_the_folder_is_told(tmp_path: Path) -> None:
    exported = await workspace(tmp_path)
    (tmp_path / "out").write_text("mine")
    with pytest.raises(EnvironmentProblemError, match=r"out is no folder\. Name another one\."):
        await exported.export(tmp_path / "out")
