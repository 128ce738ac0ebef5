"""A MinIO server with a bucket for a benchmark, work side by side on it, and a count of what is really there."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from minio import Minio

from aios.adapters.s3.address import S3Address
from aios.adapters.s3.buckets import S3Buckets
from tests.benchmarks.figures import UnavailableError
from tests.servers.availability import ServerUnavailableError
from tests.servers.minio import MinioProcess, find_or_build_minio

BUCKET = "aios-bench"


@contextmanager
def minio_server(folder: Path) -> Iterator[str]:
    """The URL of a server that has BUCKET. Raises UnavailableError when there is no MinIO."""
    try:
        server = MinioProcess(find_or_build_minio(lambda _: None), folder)
    except ServerUnavailableError as error:
        raise UnavailableError(str(error)) from error
    try:
        asyncio.run(_make_bucket(server.url))
        yield server.url
    finally:
        server.process.stop()


def client(url: str) -> Minio:
    """MinIO's own client."""
    address = S3Address.parse(url)
    return Minio(address.host, address.access_key, address.secret_key, secure=False, region=address.region)


async def side_by_side(work: Callable[[str], Awaitable[object]], keys: Iterable[str], width: int) -> None:
    """`work` on each, `width` at a time."""
    left = iter(keys)

    async def worker() -> None:
        for key in left:
            await work(key)

    await asyncio.gather(*(worker() for _ in range(width)))


def check(url: str, prefix: str, count: int) -> None:
    """Raises AssertionError unless so many objects are below `prefix`, whoever wrote them."""
    found = sum(1 for _ in client(url).list_objects(BUCKET, prefix, recursive=True))
    if found != count:
        raise AssertionError(f"{count} objects were written below {prefix}, {found} are there")


async def _make_bucket(url: str) -> None:
    buckets = S3Buckets(url)
    await buckets.ensure_bucket(BUCKET)
    await buckets.close()
