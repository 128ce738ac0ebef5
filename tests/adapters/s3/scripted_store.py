"""An S3 store in the test's own process, as far as the adapter asks of one, whose single answers a test replaces."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from aiohttp import web

from aios.adapters.s3.buckets import S3Buckets
from aios.adapters.s3.objects import S3Objects

BUCKET = "aios-x"
Answering = Callable[[web.Request, bytes], Awaitable[web.StreamResponse | None]]


def refusal(status: int, code: str, **headers: str) -> web.Response:
    """An error as S3 words it."""
    return web.Response(status=status, text=f"<Error><Code>{code}</Code></Error>", headers=headers)


def lost(request: web.Request) -> web.Response:
    """The connection ends instead of an answer."""
    assert request.transport is not None
    request.transport.abort()
    raise asyncio.CancelledError


class ScriptedStore:
    """Objects with quoted etags. `instead` is asked before every request to a key; None lets the store answer."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.stated: dict[str, dict[str, str]] = {}
        self.asked: list[str] = []
        self.instead: Answering | None = None

    async def answer(self, request: web.Request) -> web.StreamResponse:
        key, body = request.path.removeprefix(f"/{BUCKET}").removeprefix("/"), await request.read()
        self.asked.append(f"{request.method} {key}".strip())
        replaced = await self.instead(request, body) if self.instead else None
        if replaced is not None:
            return replaced
        if not key:
            return web.Response(text="<ListVersionsResult/>")
        if request.method == "PUT":
            return self.put(request, key, body)
        if request.method == "DELETE":
            self.objects.pop(key, None)
            return web.Response(status=204)
        if key not in self.objects:
            return refusal(404, "NoSuchKey")
        return self.part(request, key)

    def hold(self, key: str, data: bytes) -> None:
        """As another program wrote it."""
        self.objects[key] = data
        self.stated.pop(key, None)

    def put(self, request: web.Request, key: str, body: bytes) -> web.Response:
        """Carries the write out, if its condition holds."""
        there = self.objects.get(key)
        wanted = request.headers.get("If-Match")
        if "If-None-Match" in request.headers and there is not None:
            return refusal(412, "PreconditionFailed")
        if wanted is not None and (there is None or wanted != etag(there)):
            return refusal(404, "NoSuchKey") if there is None else refusal(412, "PreconditionFailed")
        self.objects[key] = body
        self.stated[key] = {name: text for name, text in request.headers.items() if name.startswith("x-amz-meta-")}
        return web.Response(headers={"ETag": etag(body)})

    def part(self, request: web.Request, key: str) -> web.Response:
        """The range that is asked for."""
        data = self.objects[key]
        start, _, end = request.headers.get("Range", "bytes=0-").removeprefix("bytes=").partition("-")
        if not data and "Range" in request.headers:
            return refusal(416, "InvalidRange")
        part = data[int(start) : int(end) + 1 if end else None]
        place = f"bytes {start}-{int(start) + len(part) - 1}/{len(data)}"
        headers = {"ETag": etag(data), "Content-Range": place, **self.stated.get(key, {})}
        return web.Response(status=206, body=part, headers=headers)


def etag(data: bytes) -> str:
    return f'"{hashlib.md5(data, usedforsecurity=False).hexdigest()}"'


@asynccontextmanager
async def serving(answer: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> AsyncIterator[S3Objects]:
    """The objects of a bucket there."""
    application = web.Application(client_max_size=64 * 2**20)
    application.router.add_route("*", "/{anything:.*}", answer)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    buckets = S3Buckets(f"s3+http://key:secret@{host}:{port}")
    try:
        yield buckets.bucket(BUCKET)
    finally:
        await buckets.close()
        await runner.cleanup()
