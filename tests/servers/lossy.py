"""A proxy before an S3 server that loses the reply of every third write, after the server carried it out.

In a process of its own, so that the processes of contract tests reach it: `python -m tests.servers.lossy PORT URL`.
"""

import asyncio
import itertools
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from aiohttp import ClientSession, ClientTimeout, TCPConnector, web
from yarl import URL

from tests.servers.process import ServerProcess, free_ports
from tests.servers.seaweedfs import listens

VARIABLE = "AIOS_TEST_MINIO_LOSSY"
EVERY = 3
_HOP = {"connection", "transfer-encoding", "keep-alive"}


def application(upstream: str) -> web.Application:
    """Passes everything on to `upstream`, host and all, since requests are signed for the host they name."""
    writes = itertools.count(1)
    held: list[ClientSession] = []

    async def session() -> ClientSession:
        if not held:
            held.append(
                ClientSession(
                    connector=TCPConnector(limit=100),
                    timeout=ClientTimeout(60),
                    auto_decompress=False,
                    skip_auto_headers=("Accept-Encoding", "User-Agent", "Content-Type"),
                )
            )
        return held[0]

    async def handle(request: web.Request) -> web.StreamResponse:
        url = URL(f"{upstream}{request.raw_path}", encoded=True)
        headers = {name: text for name, text in request.headers.items() if name.lower() not in _HOP}
        body = await request.read()
        async with (await session()).request(request.method, url, headers=headers, data=body or None) as answer:
            data = await answer.read()
            conditional = "If-Match" in request.headers or "If-None-Match" in request.headers
            if request.method == "PUT" and conditional and answer.status == 200 and next(writes) % EVERY == 0:
                if request.transport is not None:
                    request.transport.abort()
                raise asyncio.CancelledError
            kept = {name: text for name, text in answer.headers.items() if name.lower() not in _HOP}
            if request.method == "HEAD":
                return web.Response(status=answer.status, headers=kept)
            kept.pop("Content-Length", None)
            return web.Response(status=answer.status, body=data, headers=kept)

    made = web.Application(client_max_size=64 * 2**20)
    made.router.add_route("*", "/{anything:.*}", handle)
    return made


@pytest.fixture(scope="session")
def minio_lossy(minio: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a proxy before the session's MinIO."""
    parts, (port,) = urlsplit(minio), free_ports(1)
    folder = tmp_path_factory.mktemp("lossy")
    process = ServerProcess(
        Path(sys.executable),
        ["-m", "tests.servers.lossy", str(port), f"http://{parts.hostname}:{parts.port}"],
        log=folder / "lossy.log",
    )
    process.wait_until(lambda: listens(port), what=f"the proxy listens on {port}")
    os.environ[VARIABLE] = f"s3+http://{parts.username}:{parts.password}@127.0.0.1:{port}"
    yield os.environ[VARIABLE]
    del os.environ[VARIABLE]
    process.stop()


if __name__ == "__main__":
    web.run_app(application(sys.argv[2]), host="127.0.0.1", port=int(sys.argv[1]), print=None)
