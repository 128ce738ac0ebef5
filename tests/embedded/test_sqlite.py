"""One thread, whole transactions, shared commits."""

import asyncio
import multiprocessing
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest

from aios.embedded import sqlite as module
from aios.embedded.changes import WatchedDatabase
from aios.embedded.sessions import SqliteSessions
from aios.embedded.sqlite import Database, Schema
from aios.embedded.sqlite_reader import Work
from aios.embedded.state_folder import StateFolder
from aios.errors import EnvironmentProblemError, ServiceUnavailableError
from aios.wiring.laptop import forget_the_dead

SCHEMA = Schema(1, ("CREATE TABLE numbers (number INTEGER PRIMARY KEY)",))


def _insert(*numbers: int) -> Work[int]:
    def work(sqlite: sqlite3.Connection) -> int:
        for number in numbers:
            sqlite.execute("INSERT INTO numbers VALUES (?)", (number,))
        return len(numbers)

    return work


def _numbers(sqlite: sqlite3.Connection) -> list[int]:
    return [row[0] for row in sqlite.execute("SELECT number FROM numbers ORDER BY number")]


async def test_nothing_is_touched_before_the_first_call(tmp_path: Path) -> None:
    database = Database(tmp_path / "deep" / "x.db", SCHEMA)
    await database.close()
    assert list(tmp_path.iterdir()) == []


async def test_failed_transaction_is_undone_alone_though_it_shares_a_commit(tmp_path: Path) -> None:
    database = Database(tmp_path / "x.db", SCHEMA)
    await database.write(_insert(1))
    answers = await asyncio.gather(
        *(database.write(_insert(10 * number, 1 if number % 2 else 10 * number + 1)) for number in range(1, 7)),
        return_exceptions=True,
    )
    assert [isinstance(answer, sqlite3.IntegrityError) for answer in answers] == [True, False] * 3
    assert await database.read(_numbers) == [1, 20, 21, 40, 41, 60, 61]
    await database.close()


async def test_concurrent_callers_share_commits(tmp_path: Path) -> None:
    database = Database(tmp_path / "x.db", SCHEMA)
    commits: list[int] = []
    await database.write(lambda sqlite: sqlite.set_trace_callback(_count(commits)))
    await asyncio.gather(*(database.write(_insert(number)) for number in range(100)))
    await database.close()
    assert 1 <= len(commits) <= 10


def _count(commits: list[int]) -> Callable[[str], None]:
    def trace(statement: str) -> None:
        if statement == "COMMIT":
            commits.append(1)

    return trace


async def test_durable_commits_reach_the_disk_and_others_need_not(tmp_path: Path) -> None:
    database = Database(tmp_path / "x.db", SCHEMA)

    def level(sqlite: sqlite3.Connection) -> int:
        return int(sqlite.execute("PRAGMA synchronous").fetchone()[0])

    full, normal = 2, 1
    assert await database.write(level) == full
    assert await database.write(level, durable=False) == normal
    assert set(await asyncio.gather(database.write(level), database.write(level, durable=False))) <= {full, normal}
    assert await database.write(level) == full
    await database.close()


async def test_cancelled_caller_leaves_no_half_transaction(tmp_path: Path) -> None:
    database = Database(tmp_path / "x.db", SCHEMA)
    for number in range(0, 60, 3):
        task = asyncio.create_task(database.write(_insert(number, number + 1, number + 2)))
        await asyncio.sleep(0 if number % 2 else 0.0005)
        task.cancel()
        await asyncio.wait([task])
    found = await database.read(_numbers)
    assert len(found) % 3 == 0
    assert all(number + 1 in found and number + 2 in found for number in found if number % 3 == 0)
    await database.close()


async def test_write_waits_for_a_lock_held_elsewhere_and_gives_up_at_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PATIENCE_SECONDS", 60.0)
    database = Database(tmp_path / "x.db", SCHEMA)
    await database.write(_insert(1))
    other = sqlite3.connect(tmp_path / "x.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    waiting = asyncio.create_task(database.write(_insert(2)))
    await asyncio.sleep(0.05)
    other.execute("ROLLBACK")
    assert await waiting == 1
    monkeypatch.setattr(module, "PATIENCE_SECONDS", 0.3)
    other.execute("BEGIN IMMEDIATE")
    assert await database.read(_numbers) == [1, 2], "readers do not wait"
    with pytest.raises(ServiceUnavailableError, match=r"x\.db.*locked"):
        await database.write(_insert(3))
    other.execute("ROLLBACK")
    other.close()
    assert await database.write(_insert(3)) == 1
    await database.close()


async def test_file_of_a_newer_schema_is_refused_and_left_alone(tmp_path: Path) -> None:
    newer = Database(tmp_path / "x.db", Schema(7, SCHEMA.statements))
    await newer.write(_insert(1))
    await newer.close()
    older = Database(tmp_path / "x.db", SCHEMA)
    for _ in range(2):
        with pytest.raises(EnvironmentProblemError, match=r"newer aios \(schema 7, this one knows 1\): upgrade"):
            await older.read(_numbers)
    await older.close()
    again = Database(tmp_path / "x.db", Schema(7, SCHEMA.statements))
    assert await again.read(_numbers) == [1]
    await again.close()


async def test_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.db").write_bytes(b"something else entirely" * 100)
    database = Database(tmp_path / "x.db", SCHEMA)
    with pytest.raises(EnvironmentProblemError, match="damaged"):
        await database.read(_numbers)
    await database.close()
    assert (tmp_path / "x.db").read_bytes().startswith(b"something else")


async def test_only_the_owner_may_read_the_file(tmp_path: Path) -> None:
    database = Database(tmp_path / "x.db", SCHEMA)
    await database.write(_insert(1))
    assert {path.stat().st_mode & 0o777 for path in tmp_path.glob("x.db*")} == {0o600}
    await database.close()


async def test_close_finishes_what_was_submitted_and_refuses_the_rest(tmp_path: Path) -> None:
    database = Database(tmp_path / "x.db", SCHEMA)
    pending = [asyncio.create_task(database.write(_insert(number))) for number in range(20)]
    await asyncio.sleep(0)
    await asyncio.gather(database.close(), database.close())
    assert await asyncio.gather(*pending) == [1] * 20
    assert not list(tmp_path.glob("*-wal")), "the log was folded in"
    with pytest.raises(RuntimeError, match="closed"):
        await database.read(_numbers)


async def test_many_can_open_a_new_file_at_the_same_moment(tmp_path: Path) -> None:
    databases = [Database(tmp_path / "x.db", SCHEMA) for _ in range(12)]
    await asyncio.gather(*(database.write(_insert(number)) for number, database in enumerate(databases)))
    assert await databases[0].read(_numbers) == list(range(12))
    await asyncio.gather(*(database.close() for database in databases))


def test_interpreter_ends_although_nobody_closed(tmp_path: Path) -> None:
    program = (
        "import asyncio, pathlib\n"
        "from aios.embedded.journal import SqliteJournal\n"
        "from aios.ports.journal import Record\n"
        f"journal = SqliteJournal(pathlib.Path({str(tmp_path)!r}) / 'journal.db')\n"
        "asyncio.run(journal.append('s', 0, [Record({})]))\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


async def test_many_who_wait_for_changes_share_one_poller(tmp_path: Path) -> None:
    database = WatchedDatabase(tmp_path / "x.db", SCHEMA)
    await database.write(_insert(1))
    waiting = [asyncio.create_task(database.changed(60)) for _ in range(50)]
    await asyncio.sleep(0)
    pollers = [task for task in asyncio.all_tasks() if task.get_name() == "poll x.db"]
    assert len(pollers) == 1
    other = Database(tmp_path / "x.db", SCHEMA)
    await other.write(_insert(2))
    async with asyncio.timeout(10):
        await asyncio.gather(*waiting)
        await asyncio.wait(pollers)  # who waits no longer costs nothing
    await other.close()
    await database.close()


async def test_log_is_folded_in_before_it_grows_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LOG_BYTES", 100_000)
    database, other = (Database(tmp_path / "x.db", SCHEMA) for _ in range(2))
    await other.read(_numbers)
    sizes = []
    for number in range(100):
        await database.write(_insert(*range(number * 100, number * 100 + 100)))
        sizes.append((tmp_path / "x.db-wal").stat().st_size)
    assert max(sizes) < 150_000
    assert sum(later < earlier for earlier, later in pairwise(sizes)) > 1, "it was folded in more than once"
    assert len(await other.read(_numbers)) == 10_000
    await database.close()
    await other.close()


async def test_reader_delays_the_folding_of_the_log_and_no_writer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LOG_BYTES", 10_000)
    database = Database(tmp_path / "x.db", SCHEMA)
    await database.write(_insert(1_000_000))
    reader = sqlite3.connect(tmp_path / "x.db", isolation_level=None)
    reader.execute("BEGIN")
    before = _numbers(reader)
    for number in range(30):
        await database.write(_insert(number))
    assert (tmp_path / "x.db-wal").stat().st_size > 0
    assert _numbers(reader) == before
    reader.execute("ROLLBACK")
    reader.close()
    for number in range(30, 60):
        await database.write(_insert(number))
    assert (tmp_path / "x.db-wal").stat().st_size < 30_000
    assert len(await database.read(_numbers)) == 61
    await database.close()


async def test_closing_wakes_those_who_wait(tmp_path: Path) -> None:
    database = WatchedDatabase(tmp_path / "x.db", SCHEMA)
    waiting = asyncio.create_task(database.changed(60))
    await asyncio.sleep(0)
    async with asyncio.timeout(10):
        await database.close()
        await waiting


def test_each_process_start_method_may_use_a_database(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    process = context.Process(target=_write_one, args=(tmp_path / "x.db",))
    process.start()
    process.join(60)
    assert process.exitcode == 0


def _write_one(path: Path) -> None:
    async def main() -> None:
        database = Database(path, SCHEMA)
        await database.write(_insert(1))
        await database.close()

    asyncio.run(main())


def _damage(path: Path) -> None:
    """Overwrite what stands behind the first pages, which is where a table begins."""
    with path.open("r+b") as file:
        size = file.seek(0, 2)
        file.seek(2 * 4096)
        file.write(b"\xff" * (size - 2 * 4096))


@pytest.mark.parametrize(
    ("name", "remedy"), [("journal.db", "restore it .* from a backup"), ("leases.db", "remove it")]
)
async def test_damage_that_is_met_later_names_the_file_and_what_to_do(tmp_path: Path, name: str, remedy: str) -> None:
    path = tmp_path / name
    before = Database(path, SCHEMA)
    await before.write(_insert(*range(20_000)))
    await before.close()
    _damage(path)
    database = Database(path, SCHEMA)
    said = rf"{name} is damaged.*malformed.*{remedy}"
    for look in (database.look, database.read, database.write):
        with pytest.raises(EnvironmentProblemError, match=said):
            await look(_numbers)
    with pytest.raises(EnvironmentProblemError, match=said):
        await database.write(_insert(*range(30_000, 30_100)))
    await database.close()


async def test_what_is_no_damage_travels_as_it_is(tmp_path: Path) -> None:
    database = Database(tmp_path / "x.db", SCHEMA)
    await database.write(_insert(1))
    for look in (database.read, database.look, database.write):
        with pytest.raises(sqlite3.ProgrammingError):
            await look(lambda sqlite: sqlite.execute("SELECT ?", ()))
    await database.close()


async def test_an_engine_begins_with_empty_caches_where_a_page_of_them_is_bad(tmp_path: Path) -> None:
    state = StateFolder(tmp_path)
    state.open()
    sessions = SqliteSessions(state.sessions)
    await asyncio.gather(*(sessions.set(f"worker/{number}", "x" * 500, ttl=60) for number in range(200)))
    await sessions.close()
    _damage(state.sessions)
    await forget_the_dead(state)
    sessions = SqliteSessions(state.sessions)
    assert await sessions.scan("") == {}
    await sessions.close()
