"""Our object store port on a MinIO server: small puts, conditional writes, races for one HEAD, many small files, and
the journal on top. The peer of the puts is MinIO's own client in threads.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from io import BytesIO

from aios.adapters.object_journal.journal import ObjectJournal
from aios.adapters.s3.buckets import S3Buckets
from aios.errors import PreconditionError
from aios.ports.journal import Record
from tests.benchmarks import object_sync
from tests.benchmarks.figures import Bench, Better, Metrics, Outcome, Peer, Row, take_turns
from tests.benchmarks.object_server import BUCKET, check, client, minio_server, side_by_side

WIDTH = 32
WRITERS = 64
PUTS = 1_000
KILOBYTE = b"x" * 1_000
RATE, P50, P99 = "per_second", "p50_ms", "p99_ms"
PLAIN, CREATE, REPLACE = "plain put", "create", "replace"


def measure(bench: Bench) -> Iterator[Outcome]:
    """Puts, conditional puts, one contended key, a folder of files, and the journal on top."""
    with minio_server(bench.subfolder("minio")) as url:
        yield from _puts(bench, url)
        yield from _race(bench, url)
        yield from object_sync.compared(bench, url)
        yield from _appends(bench, url)


def _puts(bench: Bench, url: str) -> Iterator[Outcome]:
    peer = "minio client, 32 threads"
    figures = take_turns(
        bench.pick(5, 3),
        {
            PLAIN: lambda: asyncio.run(_many(url, PLAIN)),
            CREATE: lambda: asyncio.run(_many(url, CREATE)),
            REPLACE: lambda: asyncio.run(_many(url, REPLACE)),
            peer: partial(_threads, url),
        },
    )
    plain = figures[PLAIN][RATE]
    what = f"{PUTS:,} puts of 1 KB, {WIDTH} at a time"
    yield Row(what=what, unit="/s", ours=plain, peer=Peer(peer, figures[peer][RATE]), better=Better.HIGHER)
    for kind in (CREATE, REPLACE):
        yield Row(
            what=f"conditional put ({kind})",
            unit="/s",
            ours=figures[kind][RATE],
            peer=Peer("our plain put", plain),
            better=Better.HIGHER,
            goal=0.9 * plain.value,
            note="0.9x of the plain put",
        )


async def _many(url: str, kind: str) -> Metrics:
    """New keys for every run, so that an earlier one's objects change nothing."""
    buckets, folder = S3Buckets(url), f"{kind.partition(' ')[0]}-{time.monotonic_ns()}"
    objects = buckets.bucket(BUCKET)
    keys = [f"{folder}/{number}" for number in range(PUTS)]
    etags: dict[str, str] = {}

    async def first(key: str) -> None:
        etags[key] = await objects.put(key, b"before")

    # The connections, which every contestant has before the clock starts.
    await side_by_side(first, [f"{folder}/warm-{number}" for number in range(WIDTH)], WIDTH)
    await objects.create(f"{folder}/warm", KILOBYTE)
    if kind == REPLACE:
        await side_by_side(first, keys, WIDTH)
    write: dict[str, Callable[[str], Awaitable[str]]] = {
        PLAIN: lambda key: objects.put(key, KILOBYTE),
        CREATE: lambda key: objects.create(key, KILOBYTE),
        REPLACE: lambda key: objects.replace(key, KILOBYTE, etags[key]),
    }
    started = time.perf_counter()
    await side_by_side(write[kind], keys, WIDTH)
    seconds = time.perf_counter() - started
    await buckets.close()
    check(url, f"{folder}/", PUTS + WIDTH + 1)
    return {RATE: PUTS / seconds}


def _threads(url: str) -> Metrics:
    minio, folder = client(url), f"threads-{time.monotonic_ns()}"

    def put(number: int) -> None:
        minio.put_object(BUCKET, f"{folder}/{number}", BytesIO(KILOBYTE), len(KILOBYTE))

    with ThreadPoolExecutor(WIDTH) as pool:
        list(pool.map(put, range(WIDTH)))
        started = time.perf_counter()
        list(pool.map(put, range(WIDTH, WIDTH + PUTS)))
        return {RATE: PUTS / (time.perf_counter() - started)}


def _race(bench: Bench, url: str) -> Iterator[Outcome]:
    each = bench.pick(4, 1)
    figures = take_turns(bench.pick(3, 2), {"ours": lambda: asyncio.run(_contend(url, each))})["ours"]
    yield Row(
        what=f"{WRITERS} writers on one HEAD, {each} commit{'s' if each > 1 else ''} each",
        unit="commits/s",
        ours=figures[RATE],
        better=Better.HIGHER,
        note=f"{figures['tries'].value:.1f} tries a commit, none lost",
    )


async def _contend(url: str, each: int) -> Metrics:
    """Every writer adds one to a number by compare-and-swap until it has done so; the sum tells a lost one."""
    buckets, key, tries = S3Buckets(url), f"heads/{time.monotonic_ns()}", 0
    objects = buckets.bucket(BUCKET)
    await objects.create(key, b"0")

    async def writer(number: int) -> None:
        nonlocal tries
        done = 0
        while done < each:
            seen, tries = await objects.get(key), tries + 1
            try:
                # Its own name: equal bytes of two writers could not be told apart after a lost reply.
                data = f"{int(seen.data.split()[0]) + 1} {number}".encode()
                await objects.replace(key, data, seen.etag)
            except PreconditionError:
                continue
            done += 1

    started = time.perf_counter()
    await asyncio.gather(*map(writer, range(WRITERS)))
    seconds = time.perf_counter() - started
    total = int((await objects.get(key)).data.split()[0])
    await buckets.close()
    if total != WRITERS * each:
        raise AssertionError(f"{WRITERS * each} commits were confirmed, HEAD counts {total}")
    return {RATE: total / seconds, "tries": tries / total}


def _appends(bench: Bench, url: str) -> Iterator[Outcome]:
    count = bench.pick(1_000, 300)
    figures = take_turns(
        bench.pick(3, 2),
        {"journal": lambda: asyncio.run(_journal(url, count)), "put": lambda: asyncio.run(_one_by_one(url, count))},
    )
    for metric, what in ((P50, "p50"), (P99, "p99")):
        yield Row(
            what=f"journal append of 1 KB, one caller, {what}",
            unit="ms",
            ours=figures["journal"][metric],
            peer=Peer("our plain put", figures["put"][metric]),
            better=Better.LOWER,
        )


async def _journal(url: str, count: int) -> Metrics:
    buckets, stream = S3Buckets(url), f"runs/{time.monotonic_ns()}"
    journal = ObjectJournal(buckets.bucket(BUCKET))
    await journal.append(stream, 0, [_record()])
    metrics = await _timed(count, lambda number: journal.append(stream, number, [_record()]))
    if await journal.head(stream) != count + 1:
        raise AssertionError(f"{count + 1} records were appended, the head is {await journal.head(stream)}")
    await journal.close()
    await buckets.close()
    return metrics


def _record() -> Record:
    return Record({"kind": "Inputs", "text": KILOBYTE.decode()})


async def _one_by_one(url: str, count: int) -> Metrics:
    buckets, folder = S3Buckets(url), f"single-{time.monotonic_ns()}"
    objects = buckets.bucket(BUCKET)
    await objects.put(f"{folder}/warm", KILOBYTE)
    metrics = await _timed(count, lambda number: objects.put(f"{folder}/{number}", KILOBYTE))
    await buckets.close()
    return metrics


async def _timed(count: int, work: Callable[[int], Awaitable[object]]) -> Metrics:
    """`work(1)` to `work(count)`, one after the other."""
    took: list[float] = []
    for number in range(1, count + 1):
        started = time.perf_counter()
        await work(number)
        took.append((time.perf_counter() - started) * 1_000)
    took.sort()
    return {P50: took[len(took) // 2], P99: took[int(len(took) * 0.99)]}
