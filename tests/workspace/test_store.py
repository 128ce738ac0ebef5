"""The workspace over the laptop's object store, in one process and in many."""

import asyncio
import multiprocessing
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from aios.embedded.object_store import FolderObjects
from aios.errors import ConflictError, EnvironmentProblemError, PreconditionError, ServiceUnavailableError
from aios.ports.object_store import StoredObject
from aios.spec.sources import EXPORT_MARKER
from aios.spec.vocabulary import Privacy
from aios.workspace.folder import scan
from aios.workspace.head import MAX_APPLIED, CommitIntent, Head
from aios.workspace.manifest import EMPTY, Manifest
from aios.workspace.paths import UnsafePathError, WorkspaceLimitError
from aios.workspace.store import Workspace

PREFIX = "workspaces/default/p/"


@dataclass
class Counting:
    """An object store that notes what is put, and loses replies when told to."""

    inner: FolderObjects
    puts: list[str] = field(default_factory=list)
    lose: int = 0
    """How many replies of conditional puts are lost from now on."""
    away: bool = False
    """Plain puts and gets are answered with an outage from now on."""

    async def put(self, key: str, data: bytes) -> str:
        self.puts.append(key)
        self._answer()
        return await self.inner.put(key, data)

    async def create(self, key: str, data: bytes) -> str:
        return await self._reply(await self.inner.create(key, data))

    async def replace(self, key: str, data: bytes, etag: str) -> str:
        return await self._reply(await self.inner.replace(key, data, etag))

    async def get(self, key: str) -> StoredObject:
        self._answer()
        return await self.inner.get(key)

    async def exists(self, key: str) -> bool:
        return await self.inner.exists(key)

    async def list(self, prefix: str) -> Sequence[str]:
        return await self.inner.list(prefix)

    async def delete(self, key: str) -> None:
        await self.inner.delete(key)

    def _answer(self) -> None:
        if self.away:
            raise ServiceUnavailableError("away")

    async def _reply(self, etag: str) -> str:
        if self.lose > 0:
            self.lose -= 1
            if self.lose % 2:
                raise PreconditionError("retried by the client after a lost reply")
            raise ServiceUnavailableError("the reply was lost")
        return etag


@pytest.fixture
def objects(tmp_path: Path) -> Counting:
    return Counting(FolderObjects(tmp_path / "bucket"))


@pytest.fixture
def workspace(objects: Counting) -> Workspace:
    return Workspace(objects, PREFIX)


def fill(folder: Path, **files: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name).write_text(text)
    return folder


async def commit(workspace: Workspace, name: str, base: str, mine: Manifest) -> Head:
    return await workspace.commit(
        CommitIntent(
            commit=name,
            applied_key=f"run/{name}",
            base_manifest=base,
            manifest=mine.digest,
            author="developer",
            message=name,
        )
    )


async def test_what_is_committed_is_checked_out_bit_by_bit(workspace: Workspace, tmp_path: Path) -> None:
    folder = fill(tmp_path / "mine", a="one", b="two")
    (folder / "a").chmod(0o755)
    (folder / "deep" / "er").mkdir(parents=True)
    (folder / "deep" / "er" / "c").write_bytes(bytes(range(256)))
    head = await commit(workspace, "c1", "", await workspace.snapshot(folder))
    other = fill(tmp_path / "other", stale="must go")
    await workspace.checkout(await workspace.manifest(head.manifest), other)
    assert sorted(p.relative_to(other).as_posix() for p in other.rglob("*") if p.is_file()) == ["a", "b", "deep/er/c"]
    assert (other / "deep" / "er" / "c").read_bytes() == bytes(range(256))
    assert (os.access(other / "a", os.X_OK), (other / "b").stat().st_mode & 0o111) == (True, 0)


async def test_unchanged_files_are_not_uploaded_again(workspace: Workspace, objects: Counting, tmp_path: Path) -> None:
    folder = fill(tmp_path / "mine", **{f"f{i}": f"content {i}" for i in range(50)})
    base = await workspace.snapshot(folder)
    objects.puts.clear()
    (folder / "f7").write_text("changed")
    await workspace.snapshot(folder, base=base)
    assert sorted(key.removeprefix(PREFIX).split("/")[0] for key in objects.puts) == ["blobs", "manifests"]


async def test_changed_files_carry_the_label_and_the_others_keep_theirs(workspace: Workspace, tmp_path: Path) -> None:
    folder = fill(tmp_path / "mine", a="one", b="two")
    base = await workspace.snapshot(folder, label=Privacy.PUBLIC)
    (folder / "b").write_text("from restricted notes")
    after = await workspace.snapshot(folder, base=base, label=Privacy.RESTRICTED)
    assert {path: e.privacy for path, e in after.files.items()} == {"a": Privacy.PUBLIC, "b": Privacy.RESTRICTED}


async def test_a_commit_already_applied_returns_itself(workspace: Workspace, tmp_path: Path) -> None:
    mine = await workspace.snapshot(fill(tmp_path / "mine", a="1"))
    first = await commit(workspace, "c1", "", mine)
    await commit(workspace, "c2", first.manifest, await workspace.snapshot(fill(tmp_path / "more", b="2"), base=mine))
    again = await commit(workspace, "c1", "", mine)
    assert (again.sequence, again.commit) == (2, "c2")
    assert [c.commit for c in await workspace.log()] == ["c2", "c1"]


async def test_changes_of_other_files_are_kept_and_the_log_tells_both(workspace: Workspace, tmp_path: Path) -> None:
    one = await workspace.snapshot(fill(tmp_path / "one", a="1"))
    two = await workspace.snapshot(fill(tmp_path / "two", b="2"))
    await commit(workspace, "c1", "", one)
    head = await commit(workspace, "c2", "", two)
    assert sorted((await workspace.manifest(head.manifest)).files) == ["a", "b"]
    assert [(c.sequence, c.commit, c.author) for c in await workspace.log()] == [
        (2, "c2", "developer"),
        (1, "c1", "developer"),
    ]


async def test_a_conflict_names_the_files_and_changes_nothing(workspace: Workspace, tmp_path: Path) -> None:
    before = await commit(workspace, "c1", "", await workspace.snapshot(fill(tmp_path / "one", a="1", same="s")))
    with pytest.raises(ConflictError) as caught:
        await commit(workspace, "c2", "", await workspace.snapshot(fill(tmp_path / "two", a="2", same="s", b="3")))
    assert caught.value.paths == ("a",)
    assert await workspace.head() == before


async def test_what_is_too_much_together_is_refused_and_changes_nothing(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = await workspace.snapshot(fill(tmp_path / "one", a="1", b="1"))
    two = await workspace.snapshot(fill(tmp_path / "two", c="2"))
    monkeypatch.setattr("aios.workspace.paths.MAX_FILES", 2)
    before = await commit(workspace, "c1", "", one)
    with pytest.raises(
        WorkspaceLimitError, match="together with what other tasks committed meanwhile: more than 2 files"
    ):
        await commit(workspace, "c2", "", two)
    assert await workspace.head() == before


@pytest.mark.parametrize("lost", [1, 2])
async def test_a_lost_reply_of_head_is_read_back(
    workspace: Workspace, objects: Counting, tmp_path: Path, lost: int
) -> None:
    objects.lose = lost
    head = await commit(workspace, "c1", "", await workspace.snapshot(fill(tmp_path / "mine", a="1")))
    objects.lose = lost
    mine = await workspace.snapshot(fill(tmp_path / "mine", b="2"))
    after = await commit(workspace, "c2", head.manifest, mine)
    assert (after.sequence, after.commit) == (2, "c2")
    assert [c.commit for c in await workspace.log()] == ["c2", "c1"]


async def test_links_and_special_files_are_refused_by_name(workspace: Workspace, tmp_path: Path) -> None:
    folder = fill(tmp_path / "mine", a="1")
    (folder / "leak").symlink_to("/etc/passwd")
    with pytest.raises(UnsafePathError, match="leak"):
        await workspace.snapshot(folder)
    (folder / "leak").unlink()
    os.mkfifo(folder / "pipe")
    with pytest.raises(UnsafePathError, match="pipe"):
        await workspace.snapshot(folder)


async def test_too_many_and_too_large_files_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = fill(tmp_path / "mine", a="12345", b="12345")
    monkeypatch.setattr("aios.workspace.paths.MAX_FILES", 1)
    assert len(scan(fill(tmp_path / "one", a="1"), EMPTY, Privacy.PUBLIC).manifest.files) == 1
    with pytest.raises(WorkspaceLimitError, match="more than 1 files"):
        scan(folder, EMPTY, Privacy.PUBLIC)
    monkeypatch.setattr("aios.workspace.paths.MAX_FILES", 2)
    monkeypatch.setattr("aios.workspace.paths.MAX_FILE_BYTES", 4)
    with pytest.raises(WorkspaceLimitError, match="'a' has 5 bytes"):
        scan(folder, EMPTY, Privacy.PUBLIC)


async def test_a_folder_of_any_number_of_files_is_looked_at_up_to_the_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = fill(tmp_path / "mine", **{f"f{number}": "" for number in range(50)})
    monkeypatch.setattr("aios.workspace.paths.MAX_FILES", 5)
    looked_at: list[Path] = []
    look = Path.lstat

    def counted(path: Path) -> os.stat_result:
        looked_at.append(path)
        return look(path)

    monkeypatch.setattr(Path, "lstat", counted)
    with pytest.raises(WorkspaceLimitError, match="more than 5 files"):
        scan(folder, EMPTY, Privacy.PUBLIC)
    assert len(looked_at) < 10


async def test_export_writes_beside_other_files_and_overwrites_none(workspace: Workspace, tmp_path: Path) -> None:
    await commit(workspace, "c1", "", await workspace.snapshot(fill(tmp_path / "mine", a="1", b="2")))
    out = fill(tmp_path / "out", own="mine", b="2")
    assert sorted((await workspace.export(out)).files) == ["a", "b"]
    assert sorted(p.name for p in out.iterdir()) == [EXPORT_MARKER, "a", "b", "own"]
    (out / "a").write_text("edited by hand")
    with pytest.raises(EnvironmentProblemError, match=r"names: a\."):
        await workspace.export(out)
    assert (out / "a").read_text() == "edited by hand"


async def test_bytes_that_rotted_in_the_store_are_found(
    workspace: Workspace, objects: Counting, tmp_path: Path
) -> None:
    manifest = await workspace.snapshot(fill(tmp_path / "mine", a="1"))
    await objects.put(f"{PREFIX}blobs/{manifest.files['a'].sha256}", b"rotten")
    with pytest.raises(EnvironmentProblemError, match="do not match"):
        await workspace.checkout(manifest, tmp_path / "out")


@pytest.mark.parametrize("what", ["snapshot", "checkout"])
@pytest.mark.filterwarnings("error")
async def test_nothing_is_transferred_any_more_once_a_snapshot_or_checkout_has_failed(
    objects: Counting, tmp_path: Path, what: str
) -> None:
    async def sleep(_: float) -> None:
        await asyncio.sleep(0)

    workspace = Workspace(objects, PREFIX, sleep=sleep)
    folder = fill(tmp_path / "mine", **{f"f{number}": f"content {number}" for number in range(50)})
    manifest = await workspace.snapshot(folder) if what == "checkout" else EMPTY
    before = asyncio.all_tasks()
    objects.away = True
    with pytest.raises(ServiceUnavailableError):
        await (workspace.snapshot(folder) if what == "snapshot" else workspace.checkout(manifest, tmp_path / "out"))
    assert asyncio.all_tasks() == before
    objects.away = False
    objects.puts.clear()
    await asyncio.sleep(0.05)
    assert objects.puts == []


def test_head_remembers_a_bounded_number_of_tasks() -> None:
    head = Head()
    for number in range(MAX_APPLIED + 5):
        intent = CommitIntent(f"c{number}", f"t{number}", "", "", "", "")
        head = head.advanced(intent, record="", manifest="")
    assert len(head.applied) == MAX_APPLIED
    assert "t4" not in head.applied
    assert head.applied[f"t{MAX_APPLIED + 4}"] == f"c{MAX_APPLIED + 4}"


WRITERS = 16
LINES = 3


def _write_lines(bucket: str, scratch: str, writer: int) -> None:
    """One process: add lines to the one shared file, and a file of its own each time, again after each conflict."""
    asyncio.run(_add_lines(Path(bucket), Path(scratch) / str(writer), writer))


async def _add_lines(bucket: Path, scratch: Path, writer: int) -> None:
    workspace = Workspace(FolderObjects(bucket), PREFIX)
    for line in range(LINES):
        done = attempt = 0
        while not done:
            attempt += 1
            base = await workspace.manifest((await workspace.head()).manifest)
            await workspace.checkout(base, scratch)
            with (scratch / "shared").open("a") as file:
                file.write(f"{writer}.{line}\n")
            (scratch / f"own-{writer}-{line}").write_text("x")
            mine = await workspace.snapshot(scratch, base=base)
            try:
                await commit(workspace, f"{writer}.{line}.{attempt}", base.digest if base.files else "", mine)
                done = 1
            except ConflictError as conflict:
                assert conflict.paths == ("shared",)


@pytest.mark.timeout(120)
async def test_sixteen_processes_write_one_file_and_no_update_is_lost(tmp_path: Path) -> None:
    server = multiprocessing.get_context("forkserver")  # imports once, for all of them
    server.set_forkserver_preload([__name__])
    writers = [
        server.Process(target=_write_lines, args=(str(tmp_path / "bucket"), str(tmp_path), writer))
        for writer in range(WRITERS)
    ]
    for process in writers:
        process.start()
    for process in writers:
        await asyncio.to_thread(process.join, 100)
    assert [process.exitcode for process in writers] == [0] * WRITERS
    workspace = Workspace(FolderObjects(tmp_path / "bucket"), PREFIX)
    manifest = await workspace.manifest((await workspace.head()).manifest)
    lines = (await workspace.read(manifest.files["shared"])).decode().split()
    everything = sorted(f"{writer}.{line}" for writer in range(WRITERS) for line in range(LINES))
    assert sorted(lines) == everything
    assert len(manifest.files) == 1 + WRITERS * LINES
    assert len(await workspace.log()) == WRITERS * LINES
