"""A store that answers late, half, or not at all: what was written counts as written, what is not known is not said."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from aiohttp import web

from aios.adapters.s3 import transport
from aios.adapters.s3.address import S3Address
from aios.adapters.s3.listing import read_page
from aios.adapters.s3.objects import S3Objects
from aios.adapters.s3.parts import PART
from aios.adapters.s3.transport import S3Transport, UnansweredError
from aios.errors import CredentialsRefusedError, EnvironmentProblemError, PreconditionError, ServiceUnavailableError
from tests.adapters.s3.scripted_store import ScriptedStore, lost, refusal, serving


@pytest.fixture
async def store() -> ScriptedStore:
    return ScriptedStore()


@pytest.fixture
async def objects(store: ScriptedStore) -> AsyncIterator[S3Objects]:
    async with serving(store.answer) as found:
        await found.create("known", b"")  # what the server can do is found out before a test interferes
        store.asked.clear()
        yield found


@pytest.mark.parametrize("etag", ["", "of what is there"])
async def test_a_write_that_was_carried_out_after_its_second_try_was_sent_is_ours(
    store: ScriptedStore, objects: S3Objects, etag: str
) -> None:
    seen = await objects.put("key", b"before") if etag else ""

    async def late(request: web.Request, body: bytes) -> web.StreamResponse | None:
        """The first write takes effect only now that the second one arrives."""
        if request.method != "PUT":
            return None
        writes.append(body)
        if len(writes) == 1:
            return lost(request)
        store.hold("key!", body)
        return refusal(412, "PreconditionFailed")

    writes: list[bytes] = []
    store.instead = late
    written = await (objects.replace("key", b"ours", seen) if etag else objects.create("key", b"ours"))
    store.instead = None
    assert (await objects.get("key")).etag == written


async def test_a_write_that_was_refused_at_once_is_nobodys_doubt(store: ScriptedStore, objects: S3Objects) -> None:
    await objects.put("key", b"theirs")
    store.asked.clear()
    with pytest.raises(PreconditionError):
        await objects.create("key", b"ours")
    assert store.asked == ["PUT key!"]


async def test_a_write_that_somebody_else_won_meanwhile_is_refused(store: ScriptedStore, objects: S3Objects) -> None:
    async def cut(request: web.Request, body: bytes) -> web.StreamResponse | None:
        if request.method == "PUT":
            store.hold("key!", b"theirs")
            return lost(request)
        return None

    store.instead = cut
    with pytest.raises(PreconditionError, match="somebody else"):
        await objects.create("key", b"ours")


@pytest.mark.parametrize("broken", ["If-None-Match", "If-Match"])
async def test_a_server_that_is_overloaded_is_not_taken_for_one_without_conditions(
    store: ScriptedStore, broken: str
) -> None:
    async def overloaded(request: web.Request, body: bytes) -> web.StreamResponse | None:
        again = broken != "If-None-Match" or body == b"second"
        return refusal(503, "SlowDown") if broken in request.headers and again else None

    store.instead = overloaded
    async with serving(store.answer) as objects:
        with pytest.raises(ServiceUnavailableError, match="SlowDown"):
            await objects.create("key", b"")
        store.instead = None
        await objects.create("key", b"")


async def test_a_server_that_ignores_conditions_is_refused_by_name(store: ScriptedStore) -> None:
    async def ignores(request: web.Request, body: bytes) -> web.StreamResponse | None:
        if "If-Match" not in request.headers:
            return None
        store.objects[request.path.removeprefix("/aios-x/")] = body
        return web.Response(headers={"ETag": '"any"'})

    store.instead = ignores
    async with serving(store.answer) as objects:
        with pytest.raises(EnvironmentProblemError, match=r"ignores If-Match.*MinIO"):
            await objects.create("key", b"")


async def test_an_object_that_is_replaced_while_it_is_read_is_read_again(
    store: ScriptedStore, objects: S3Objects
) -> None:
    store.objects["large!"] = bytes(PART + 10)

    async def replaced(request: web.Request, body: bytes) -> web.StreamResponse | None:
        if request.headers.get("Range", "").startswith(f"bytes={PART}-"):
            store.hold("large!", b"short")
        return None

    store.instead = replaced
    assert (await objects.get("large")).data == b"short"


async def test_less_than_was_asked_for_is_no_object(store: ScriptedStore, objects: S3Objects) -> None:
    store.objects["large!"] = bytes(PART + 10)

    async def short(request: web.Request, body: bytes) -> web.StreamResponse | None:
        if not request.headers.get("Range", "").startswith(f"bytes={PART}-"):
            return None
        return web.Response(status=206, body=b"12345", headers={"ETag": store.part(request, "large!").headers["ETag"]})

    store.instead = short
    with pytest.raises(ServiceUnavailableError, match="5 of 10 bytes"):
        await objects.get("large")


@pytest.mark.parametrize("size", [10, PART + 10])
async def test_bytes_that_were_damaged_are_not_given_to_anybody(
    store: ScriptedStore, objects: S3Objects, size: int
) -> None:
    await objects.create("key", b"+" * size)
    store.objects["key!"] = b"+" * (size - 1) + b"-"
    with pytest.raises(ServiceUnavailableError, match="not as it was written"):
        await objects.get("key")


async def test_bytes_that_were_damaged_on_the_way_are_read_again(store: ScriptedStore, objects: S3Objects) -> None:
    await objects.put("key", b"right")

    async def damaged(request: web.Request, body: bytes) -> web.StreamResponse | None:
        answer = store.part(request, "key!")
        store.instead = None
        return web.Response(status=206, body=b"wrong", headers=answer.headers)

    store.instead = damaged
    assert (await objects.get("key")).data == b"right"


@pytest.mark.parametrize(
    "page",
    [
        b"<ListBucketResult><IsTruncated>true</IsTruncated><Contents><Key>a!</Key></Contents></ListBucketResult>",
        b"<html><body>Sign in to the network<br></html>",
    ],
)
def test_part_of_a_listing_is_no_listing(page: bytes) -> None:
    with pytest.raises(ServiceUnavailableError):
        read_page(page)


async def test_a_server_that_takes_no_more_of_a_body_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its socket stays open: no timeout of the library's runs before the body has left."""
    monkeypatch.setattr(transport, "SILENCE_SECONDS", 0.3)
    accepted: list[asyncio.StreamWriter] = []

    async def frozen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        accepted.append(writer)
        await reader.readexactly(1)

    server = await asyncio.start_server(frozen, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    way = S3Transport(S3Address.parse(f"s3+http://key:secret@{host}:{port}"))
    async with asyncio.timeout(10):
        with pytest.raises(UnansweredError, match="TimeoutError"):
            await way.send("PUT", "/aios-x/key", body=bytes(PART))
    await way.close()
    for writer in accepted:
        writer.close()
    server.close()


async def test_a_slow_server_gets_the_time_that_a_large_body_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Longer in all than any silence may be."""
    monkeypatch.setattr(transport, "SILENCE_SECONDS", 6.0)
    body = bytes(24 * 2**20)

    async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head, took = await reader.readuntil(b"\r\n\r\n"), 0
        while took < len(body) and f"Content-Length: {len(body)}".encode() in head:
            took += len(await reader.read(2**20))
            await asyncio.sleep(0.3)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(slow, "127.0.0.1", 0, limit=2**21)
    host, port = server.sockets[0].getsockname()
    way = S3Transport(S3Address.parse(f"s3+http://key:secret@{host}:{port}"))
    started = asyncio.get_running_loop().time()
    assert (await way.send("PUT", "/aios-x/key", body=body)).status == 200
    assert asyncio.get_running_loop().time() - started > transport.SILENCE_SECONDS
    await way.close()
    server.close()


@pytest.mark.parametrize(
    ("stated", "error", "said"),
    [
        (datetime.now(UTC) + timedelta(hours=1), ServiceUnavailableError, "clock differs"),
        (datetime.now(UTC), CredentialsRefusedError, "key and secret"),
    ],
)
async def test_a_clock_that_is_wrong_is_not_taken_for_a_wrong_key(
    store: ScriptedStore, stated: datetime, error: type[Exception], said: str
) -> None:
    """The first request is a HEAD, whose answer has no document."""

    async def refused(request: web.Request, body: bytes) -> web.StreamResponse:
        return web.Response(status=403, headers={"Date": format_datetime(stated, usegmt=True)})

    store.instead = refused
    async with serving(store.answer) as objects:
        with pytest.raises(error, match=said) as raised:
            await objects.put("key", b"")
    assert type(raised.value) is error


async def test_where_else_to_ask_is_told(store: ScriptedStore) -> None:
    async def moved(request: web.Request, body: bytes) -> web.StreamResponse:
        return web.Response(status=301, headers={"x-amz-bucket-region": "eu-central-1"})

    async def redirected(request: web.Request, body: bytes) -> web.StreamResponse:
        return web.Response(status=307, headers={"Location": "https://store.example/aios-x"})

    async with serving(store.answer) as objects:
        for store.instead, said in ((moved, "region=eu-central-1"), (redirected, "store.example")):
            with pytest.raises(ServiceUnavailableError, match=said):
                await objects.put("key", b"")
