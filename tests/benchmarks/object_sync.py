"""A folder of small files to the object store, as a workspace is stored: a put a file with bounded parallelism.

Beside `aws s3 sync` of the same files. Its start counts, since nobody can have it without; ours is in a process that
is running, as a worker is. Neither has anything to skip: the place is empty before each run.
"""

import asyncio
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from aios.adapters.s3.address import S3Address
from aios.adapters.s3.buckets import S3Buckets
from tests.benchmarks.figures import Bench, Better, Metrics, Outcome, Peer, Row, Skipped, take_turns
from tests.benchmarks.object_server import BUCKET, check, side_by_side
from tests.benchmarks.processes import BIN, run

FILES = 1_000
FILE = b"y" * 4_096
WIDTH = 32
SECONDS = "seconds"
AWS = BIN / "aws"


def compared(bench: Bench, url: str) -> Iterator[Outcome]:
    """Ours and the peer, the same files."""
    folder = bench.subfolder("files")
    for number in range(FILES):
        (folder / f"{number}.txt").write_bytes(FILE + str(number).encode())
    if not AWS.exists():
        yield Skipped("aws s3 sync", "awscli is not installed: make setup")
        return
    contestants: dict[str, Callable[[], Metrics]] = {
        "ours": lambda: asyncio.run(_upload(url, folder)),
        "aws": partial(_aws, bench, url, folder),
    }
    figures = take_turns(bench.pick(3, 2), contestants)
    theirs = figures["aws"][SECONDS]
    yield Row(
        what=f"{FILES:,} files of 4 KB to the store",
        unit="s",
        ours=figures["ours"][SECONDS],
        peer=Peer("aws s3 sync", theirs),
        better=Better.LOWER,
        goal=theirs.value / 3,
        note="3x as fast as the peer, whose start-up counts",
    )


async def _upload(url: str, folder: Path) -> Metrics:
    buckets, prefix = S3Buckets(url), f"sync-{time.monotonic_ns()}/"
    objects = buckets.bucket(BUCKET)

    async def upload(name: str) -> None:
        await objects.put(prefix + name, (folder / name).read_bytes())

    names = sorted(path.name for path in folder.iterdir())

    started = time.perf_counter()
    await side_by_side(upload, names, WIDTH)
    seconds = time.perf_counter() - started
    await buckets.close()
    check(url, prefix, FILES)
    return {SECONDS: seconds}


def _aws(bench: Bench, url: str, folder: Path) -> Metrics:
    address, prefix = S3Address.parse(url), f"aws-{time.monotonic_ns()}/"
    environment = {
        "AWS_ACCESS_KEY_ID": address.access_key,
        "AWS_SECRET_ACCESS_KEY": address.secret_key,
        "AWS_DEFAULT_REGION": address.region,
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    target = [f"s3://{BUCKET}/{prefix}", "--endpoint-url", str(address), "--only-show-errors"]
    command: list[str | Path] = [sys.executable, AWS, "s3", "sync", folder, *target]
    usage = run(command, folder=bench.subfolder("aws"), environment=environment)
    check(url, prefix, FILES)
    return {SECONDS: usage.seconds}
