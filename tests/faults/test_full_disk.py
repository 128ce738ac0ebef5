"""The laptop's disk is full: nothing is half written, somebody is told what is full and where, and once there is room
the work goes on and asks nothing again. The answer of a command that found no room itself is that command's answer."""

import asyncio
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from errno import ENOSPC
from pathlib import Path

import pytest

from aios.agents.tools import files
from aios.agents.worker import POISON_CLAIMS
from aios.embedded.journal import SqliteJournal
from aios.embedded.object_store import FolderBuckets
from aios.embedded.sqlite import Database, Schema
from aios.embedded.state_folder import StateFolder
from aios.errors import DiskFullError, EnvironmentProblemError, NotFoundError, ServiceUnavailableError
from aios.ports.journal import Record
from aios.tasks.attempt_events import CallFinished, Claimed
from aios.tasks.result import Outcome
from tests.agents.stage import FakeModel, call, reply, staged
from tests.cli.console import environment
from tests.faults.battery.workload import Workload
from tests.faults.small_disk import SmallDisk, file_limit, names_below, small_disk
from tests.faults.verdict import Verdict, judge
from tests.servers.waiting import eventually

FULL_SECONDS = 40.0 if os.environ.get("AIOS_TEST_FAULTS") else 4.0
"""How long a disk stays full: long enough for leases to end and for attempts to be claimed again."""
LIMIT, LARGE = 300_000, b"x" * 400_000
PAGES = Schema(1, ("CREATE TABLE pages (text TEXT NOT NULL)",))


async def test_an_object_that_finds_no_room_is_not_there_at_all(tmp_path: Path) -> None:
    buckets = FolderBuckets(tmp_path)
    await buckets.ensure_bucket("files")
    objects = buckets.bucket("files")
    head = await objects.put("HEAD", b"before")
    with file_limit(LIMIT):
        for write in (
            objects.put("large", LARGE),
            objects.create("large", LARGE),
            objects.replace("HEAD", LARGE, head),
        ):
            with pytest.raises(DiskFullError, match=rf"{tmp_path}/files.*free some space"):
                await write
    with pytest.raises(NotFoundError):
        await objects.get("large")
    assert (await objects.get("HEAD")).data == b"before"
    assert names_below(tmp_path / "files" / "aside") == []
    await objects.create("large", LARGE)
    assert (await objects.get("large")).data == LARGE
    await buckets.close()


async def test_an_append_that_finds_no_room_appends_nothing_and_succeeds_later(tmp_path: Path) -> None:
    journal = SqliteJournal(tmp_path / "journal.db")
    await journal.append("runs/one", 0, [Record({"text": "before"})])
    large = [Record({"text": "small"}), Record({"text": LARGE.decode()})]
    with file_limit(LIMIT), pytest.raises(ServiceUnavailableError, match=r"journal\.db"):
        await journal.append("runs/one", 1, large)
    assert await journal.head("runs/one") == 1
    assert await journal.append("runs/one", 1, large) == 3
    assert [stored.id for stored in await journal.read("runs/one", 1)] == [record.id for record in large]
    await journal.close()


async def test_whoever_shared_a_commit_that_found_no_room_is_told_so_and_none_of_it_stands(tmp_path: Path) -> None:
    database = Database(tmp_path / "pages.db", PAGES)
    await _allow(database, pages=20)
    answers = await asyncio.gather(*(_insert(database) for _ in range(4)), return_exceptions=True)
    assert any(isinstance(answer, DiskFullError) for answer in answers), answers
    assert await _count(database) == sum(answer == 1 for answer in answers)
    await _allow(database, pages=10_000)
    before = await _count(database)
    assert await _insert(database) == 1
    assert await _count(database) == before + 1
    await database.close()


async def _allow(database: Database, *, pages: int) -> None:
    """SQLite's own limit, beyond which it says what it says on a full disk."""
    await database.write(lambda sqlite: sqlite.execute(f"PRAGMA max_page_count = {pages}").fetchone())


async def _insert(database: Database) -> int:
    return await database.write(lambda sqlite: sqlite.execute("INSERT INTO pages VALUES (?)", ("x" * 50_000,)).rowcount)


async def _count(database: Database) -> int:
    return await database.read(lambda sqlite: int(sqlite.execute("SELECT count(*) FROM pages").fetchone()[0]))


async def test_a_tool_that_finds_no_room_is_waited_for_and_leaves_no_half_of_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = 0
    write = files._write

    def write_half(place: Path, content: str) -> None:
        nonlocal refused
        if refused < 2 * POISON_CLAIMS:
            refused += 1
            write(place, content[:3])
            raise OSError(ENOSPC, "No space left on device")
        write(place, content)

    monkeypatch.setattr(files, "_write", write_half)
    model = FakeModel([reply("I write it.", call("write_file", path="a.txt", content="whole")), reply("Done.")])
    async with staged(tmp_path) as stage:
        await stage.dispatch()
        assert (await stage.play(model)).outcome is Outcome.SUCCEEDED
        assert await stage.files() == {"a.txt": "whole"}
        events = await stage.events()
    assert refused == 2 * POISON_CLAIMS
    assert {event.epoch for event in events if isinstance(event, Claimed)} == {1}
    assert len(model.keys) == sum(isinstance(event, CallFinished) for event in events) == 2


def test_a_state_folder_for_which_there_is_no_room_says_so_and_is_no_half_of_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(ENOSPC, "No space left on device")

    state = StateFolder(tmp_path / ".aios")
    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", full)
        with pytest.raises(EnvironmentProblemError, match=r"\.aios.*free some space"):
            state.open()
    assert (names_below(state.path), state.exists) == ([], False)
    with state.drive():
        assert state.exists


@dataclass(frozen=True, slots=True)
class Ground:
    """A project on a small disk; what is told about it lies elsewhere."""

    disk: SmallDisk
    around: Path

    @property
    def ledger(self) -> Path:
        return self.around / "ledger.jsonl"

    @property
    def log(self) -> Path:
        return self.around / "up.log"

    def up(self) -> "subprocess.Popen[bytes]":
        """`aios up --once`, its words in `log`."""
        yaml, state = self.around / "work.yaml", self.disk.folder / ".aios"
        words = (sys.executable, "-m", "aios", "up", yaml, "--once", "-C", state)
        with self.log.open("ab") as log:
            return subprocess.Popen(
                self.disk.command(*words),
                cwd=self.around,
                stdout=log,
                stderr=log,
                env=environment({"AIOS_SCRIPTED_LEDGER": str(self.ledger)}),
            )

    @property
    def asked(self) -> int:
        """Requests at the model so far."""
        return self.ledger.read_bytes().count(b"\n") if self.ledger.exists() else 0

    def said(self) -> str:
        return self.log.read_text(errors="replace")

    async def settle(self, process: "subprocess.Popen[bytes]", *, in_doubt: int) -> None:
        """To the end, and hold the promises."""
        assert process.wait(timeout=90) == 0, self.said()[-3000:]
        self.disk.copy(".aios", self.around / "copy")
        verdict = await judge(self.around / "copy", self.ledger, namespace="default", project="p0")
        assert verdict == Verdict(
            lost=0, repeated=0, unrecorded=0, in_doubt=verdict.in_doubt, double_commit=0, failed=0
        )
        assert verdict.in_doubt <= in_doubt


REPLICAS = 5
"""Of the workload's team: so many calls may be under way at once."""


@pytest.mark.parametrize("killed", [False, True], ids=["who waits", "who was killed meanwhile"])
@pytest.mark.timeout(200)
async def test_a_disk_that_fills_up_in_the_midst_of_work_loses_and_repeats_nothing(
    tmp_path: Path, killed: bool
) -> None:
    # So much, and so slow, that it is not over before the disk is full.
    Workload(1, 25, 0, tmp_path / "receipts", delay="2s").write(tmp_path / "work.yaml")
    with small_disk(tmp_path / "disk", mebibytes=16) as disk:
        ground = Ground(disk, tmp_path)
        process = ground.up()
        eventually(lambda: ground.asked >= 3 or process.poll() is not None, what="work", within_seconds=60)
        disk.fill()
        eventually(lambda: "disk is full" in ground.said(), what="who says it", within_seconds=30)
        assert str(disk.folder / ".aios") in ground.said()
        assert process.poll() is None, ground.said()
        await asyncio.sleep(FULL_SECONDS)
        if killed:
            process.send_signal(signal.SIGKILL)
            process.wait()
        disk.free()
        await ground.settle(ground.up() if killed else process, in_doubt=REPLICAS if killed else 0)
