"""Files written beside somebody's own: what is in the way, or would be run, is told before the first is written."""

from pathlib import Path

import pytest

from aios.embedded.object_store import FolderObjects
from aios.errors import EnvironmentProblemError
from aios.spec.loading import load
from aios.spec.sources import EXPORT_MARKER
from aios.workspace.export import require_room
from aios.workspace.head import CommitIntent
from aios.workspace.manifest import Manifest
from aios.workspace.store import Workspace
from tests.workspace.unprivileged import unprivileged

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
    """Its files; the marker of an export is looked for where it matters."""
    every = (place.relative_to(folder).as_posix() for place in folder.rglob("*") if place.is_file())
    return sorted(path for path in every if path != EXPORT_MARKER)


@pytest.mark.parametrize("into", ["out", "tree/out", "tree"])
@pytest.mark.parametrize("path", [HOOK, ".GIT/config", ".git", f"lib/{HOOK}", "build/.git"])
async def test_what_git_would_run_is_left_out_wherever_it_would_lie(tmp_path: Path, path: str, into: str) -> None:
    exported = await workspace(tmp_path, path)
    (tmp_path / "tree" / ".git").mkdir(parents=True)
    written = await exported.export(tmp_path / into)
    assert sorted(written.files) == found(tmp_path / into) == ["a.txt"]


@pytest.mark.parametrize("bare", ["", "lib/", "deep/Lib.git/"])
@pytest.mark.parametrize("head", ["HEAD", "head"])
async def test_no_folder_is_exported_as_a_bare_repository_whose_configuration_git_would_obey(
    tmp_path: Path, bare: str, head: str
) -> None:
    files = [f"{bare}{name}" for name in ("config", "objects/x", "refs/x")]
    exported = await workspace(tmp_path, f"{bare}{head}", *files)
    await exported.export(tmp_path / "out")
    assert found(tmp_path / "out") == sorted(["a.txt", *files])


async def test_a_file_named_head_in_no_repository_is_exported(tmp_path: Path) -> None:
    files = ["HEAD", "lib/HEAD", "objects/x", "other/refs/x"]
    exported = await workspace(tmp_path, *files)
    await exported.export(tmp_path / "out")
    assert found(tmp_path / "out") == sorted(["a.txt", *files])


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


async def test_a_place_where_nothing_can_be_written_is_told(tmp_path: Path) -> None:
    exported = await workspace(tmp_path)
    (tmp_path / "file").write_text("mine")
    with pytest.raises(EnvironmentProblemError, match=r"file/out cannot be written: .*/file does not allow it\. Name"):
        await exported.export(tmp_path / "file" / "out")


def test_a_folder_that_is_not_ours_is_told() -> None:
    unprivileged(_into_a_locked_folder)


def _into_a_locked_folder(place: Path) -> None:
    (place / "locked").mkdir(mode=0o555)
    with pytest.raises(EnvironmentProblemError, match=r"locked/out cannot be written: .*/locked does not allow it\."):
        require_room(place / "locked" / "out", Manifest())


async def test_what_agents_wrote_is_marked_and_no_reader_of_configuration_looks_there(tmp_path: Path) -> None:
    exported = await workspace(tmp_path, "evil.yaml")
    await exported.export(tmp_path / "team" / "out")
    assert "aios workspace export" in (tmp_path / "team" / "out" / EXPORT_MARKER).read_text()
    assert load(["team"], cwd=tmp_path).files == ()
    await exported.export(tmp_path / "team" / "out")  # as often as they like


@pytest.mark.parametrize("name", [EXPORT_MARKER, f"{EXPORT_MARKER}/evil.yaml"])
async def test_agents_cannot_take_the_mark_away_by_a_file_of_that_name(tmp_path: Path, name: str) -> None:
    exported = await workspace(tmp_path, name, "evil.yaml")
    for _ in ("once", "again"):
        await exported.export(tmp_path / "team" / "out")
        assert load(["team"], cwd=tmp_path).files == ()
    assert (tmp_path / "team" / "out" / name).read_text() == name


@pytest.mark.parametrize("theirs", ["team.yaml", "config/team.yml"])
async def test_nothing_is_written_beside_yaml_of_somebodys_own(tmp_path: Path, theirs: str) -> None:
    exported = await workspace(tmp_path)
    (tmp_path / "team" / theirs).parent.mkdir(parents=True)
    (tmp_path / "team" / theirs).write_text("kind: AgentTeam")
    with pytest.raises(EnvironmentProblemError) as caught:
        await exported.export(tmp_path / "team")
    assert f"team holds YAML of its own ({theirs})" in str(caught.value)
    assert f"such as {tmp_path}/team-export." in str(caught.value)
    assert [place.name for place in (tmp_path / "team").iterdir()] == [Path(theirs).parts[0]]


async def test_yaml_that_is_exported_may_lie_there_already_and_hidden_yaml_is_nobodys(tmp_path: Path) -> None:
    exported = await workspace(tmp_path, "compose.yaml")
    for path in ("compose.yaml", ".github/ci.yaml"):
        (tmp_path / "out" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "out" / path).write_text(path)
    await exported.export(tmp_path / "out")
    assert found(tmp_path / "out") == [".github/ci.yaml", "a.txt", "compose.yaml"]
