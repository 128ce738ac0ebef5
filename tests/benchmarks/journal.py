"""Journal appends beside what they cost at least: a bare INSERT, and a bare write with fsync.

All three are durable when they return (`synchronous=FULL`, fsync). Ours also checks the expected sequence, keeps the
stream's head, and gives any number of asyncio callers one thread; the bare ones have a thread and a connection (or a
file) a caller, as whoever writes them in a hurry would have.
"""

import asyncio
import json
import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from aios.embedded.journal import SqliteJournal
from aios.ports.journal import JSON, Record
from tests.benchmarks.figures import Bench, Better, Metrics, Outcome, Peer, Row, take_turns

PAYLOAD: JSON = {"kind": "Inputs", "text": "x" * 1000}
CALLERS = 32
PER_SECOND = "per_second"
SQLITE, FSYNC = "bare INSERT, synchronous=FULL", "bare write + fsync"


def measure(bench: Bench) -> Iterator[Outcome]:
    """Appends a second by one caller and by many at once, and reading back what a long run has written."""
    rounds = bench.pick(5, 3)
    for callers in (1, CALLERS):
        each = bench.pick(600, 150) if callers == 1 else bench.pick(100, 25)
        figures = take_turns(
            rounds,
            {
                "ours": partial(_journal, bench, callers=callers, each=each),
                SQLITE: partial(_threads, bench, _insert, callers=callers, each=each),
                FSYNC: partial(_threads, bench, _write_and_sync, callers=callers, each=each),
            },
        )
        for peer in (SQLITE, FSYNC):
            yield Row(
                what=f"append 1 KB, {callers} caller{'s' if callers > 1 else ''}",
                unit="/s",
                ours=figures["ours"][PER_SECOND],
                peer=Peer(peer, figures[peer][PER_SECOND]),
                better=Better.HIGHER,
                note="a stream each, group commit" if callers > 1 else "",
            )
    yield from _replay(bench, rounds)


def _replay(bench: Bench, rounds: int) -> Iterator[Outcome]:
    count = bench.pick(20_000, 4_000)
    path = bench.subfolder("replay") / "journal.db"
    asyncio.run(_fill(path, count))
    figures = take_turns(
        rounds, {"ours": lambda: asyncio.run(_read_all(path, count)), SQLITE: lambda: _select(path, count)}
    )
    yield Row(
        what=f"read a stream of {count:,} records of 1 KB",
        unit="records/s",
        ours=figures["ours"][PER_SECOND],
        peer=Peer("bare SELECT + json.loads", figures[SQLITE][PER_SECOND]),
        better=Better.HIGHER,
    )


def _journal(bench: Bench, *, callers: int, each: int) -> Metrics:
    return asyncio.run(_append(bench.subfolder("journal") / "journal.db", callers=callers, each=each))


async def _append(path: Path, *, callers: int, each: int) -> Metrics:
    journal = SqliteJournal(path)
    await journal.head("runs/warm")

    async def caller(number: int) -> None:
        for seq in range(each):
            await journal.append(f"runs/{number}", seq, [Record(PAYLOAD)])

    started = time.perf_counter()
    await asyncio.gather(*map(caller, range(callers)))
    seconds = time.perf_counter() - started
    heads = [await journal.head(stream) for stream in await journal.streams("runs/")]
    await journal.close()
    if heads != [each] * callers:
        raise AssertionError(f"{callers} callers appended {each} records each, the heads are {heads}")
    return {PER_SECOND: callers * each / seconds}


def _threads(bench: Bench, write: Callable[[Path, int], None], *, callers: int, each: int) -> Metrics:
    """`write(file, how many)` by a thread a caller, all in one folder."""
    folder = bench.subfolder("bare")
    with ThreadPoolExecutor(callers) as pool:
        _connect(folder / "bare.db").close()
        started = time.perf_counter()
        done = [pool.submit(write, folder / f"{number}", each) for number in range(callers)]
        for future in done:
            future.result()
        return {PER_SECOND: callers * each / (time.perf_counter() - started)}


def _insert(path: Path, count: int) -> None:
    sqlite = _connect(path.with_name("bare.db"))
    for seq in range(count):
        sqlite.execute("INSERT INTO records VALUES (?, ?, ?)", (path.name, seq, json.dumps(PAYLOAD)))
    sqlite.close()


def _connect(path: Path) -> sqlite3.Connection:
    sqlite = sqlite3.connect(path, timeout=60, isolation_level=None)
    sqlite.execute("PRAGMA journal_mode = WAL")
    sqlite.execute("PRAGMA synchronous = FULL")
    sqlite.execute("CREATE TABLE IF NOT EXISTS records (stream TEXT, seq INTEGER, data TEXT)")
    return sqlite


def _write_and_sync(path: Path, count: int) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for _ in range(count):
        os.write(descriptor, json.dumps(PAYLOAD).encode() + b"\n")
        os.fsync(descriptor)
    os.close(descriptor)


async def _fill(path: Path, count: int) -> None:
    journal = SqliteJournal(path)
    await journal.append("runs/long", 0, [Record(PAYLOAD) for _ in range(count)])
    await journal.close()


async def _read_all(path: Path, count: int) -> Metrics:
    journal = SqliteJournal(path)
    await journal.head("runs/warm")
    started = time.perf_counter()
    found = len(await journal.read("runs/long"))
    seconds = time.perf_counter() - started
    await journal.close()
    if found != count:
        raise AssertionError(f"{count} records were appended, {found} read")
    return {PER_SECOND: count / seconds}


def _select(path: Path, count: int) -> Metrics:
    sqlite = sqlite3.connect(path)
    started = time.perf_counter()
    found = [json.loads(row[0]) for row in sqlite.execute("SELECT data FROM records ORDER BY stream, seq")]
    seconds = time.perf_counter() - started
    sqlite.close()
    if len(found) != count:
        raise AssertionError(f"{count} records were appended, {len(found)} selected")
    return {PER_SECOND: count / seconds}
