"""Which conditional writes a server really honours: asked once, by trying, because servers differ and some ignore the
headers without a word (an unconditional write in their place would lose other people's data).
"""

import asyncio
import uuid
from enum import StrEnum
from weakref import WeakKeyDictionary

from aios.adapters.s3.refusals import is_passing, refused
from aios.adapters.s3.transport import Answer, S3Transport, UnansweredError
from aios.errors import EnvironmentProblemError

SCRATCH = "aios-dialect/"
TRIES, PAUSE = 4, 0.1
STORES = "MinIO, SeaweedFS 4, Ceph RGW 16, Garage 2, AWS S3, Cloudflare R2"


class Dialect(StrEnum):
    """How If-Match wants its etag."""

    QUOTED = "quoted"
    UNQUOTED = "unquoted"

    def match(self, etag: str) -> str:
        """The header's value."""
        return f'"{etag}"' if self is Dialect.QUOTED else etag


class Dialects:
    """What was found out, by server; asked by one at a time, since everybody else wants the same answer."""

    def __init__(self) -> None:
        self._found: dict[str, Dialect] = {}
        self._asking: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Lock] = WeakKeyDictionary()

    async def of(self, transport: S3Transport, bucket: str) -> Dialect:
        """As `find_dialect`, once a process."""
        server = str(transport.address)
        async with self._asking.setdefault(asyncio.get_running_loop(), asyncio.Lock()):
            if server not in self._found:
                self._found[server] = await find_dialect(transport, bucket)
            return self._found[server]


async def find_dialect(transport: S3Transport, bucket: str) -> Dialect:
    """Try a scratch object in `bucket`. Raises EnvironmentProblemError when the server has no conditional writes,
    NotFoundError when there is no such bucket, ServiceUnavailableError when the server does not answer."""
    path = f"/{bucket}/{SCRATCH}{uuid.uuid4().hex}"
    try:
        await _require_create(transport, path, bucket)
        for dialect in Dialect:
            if await _honours(transport, path, dialect):
                return dialect
    finally:
        await transport.send("DELETE", path)
    raise EnvironmentProblemError(
        f"the object store at {transport.address} ignores If-Match: without it two writers would overwrite each other. "
        f"Use a store with conditional writes, such as {STORES}"
    )


async def _require_create(transport: S3Transport, path: str, bucket: str) -> None:
    first = await _put(transport, path, {"If-None-Match": "*"}, b"first")
    if first.status != 200:
        raise _refused(transport, first, bucket)
    second = await _put(transport, path, {"If-None-Match": "*"}, b"second")
    if second.status != 412:
        raise EnvironmentProblemError(
            f"the object store at {transport.address} ignores If-None-Match (it answered {second.status} to a second "
            f"create): use a store with conditional writes, such as {STORES}"
        )


async def _honours(transport: S3Transport, path: str, dialect: Dialect) -> bool:
    """Whether the right etag is let through and a wrong one is not."""
    if (await _put(transport, path, {"If-Match": dialect.match("0" * 32)}, b"wrong")).status != 412:
        return False
    now = await _asked(transport, "GET", path)
    right = await _put(transport, path, {"If-Match": dialect.match(now.etag)}, dialect.encode())
    return right.status == 200


async def _put(transport: S3Transport, path: str, condition: dict[str, str], body: bytes) -> Answer:
    """A put whose reply may be lost: then what is there tells what became of it. Raises ServiceUnavailableError when
    the server does not decide: that is no verdict on what it can do."""
    for number in range(1, TRIES + 1):
        answer = None
        try:
            answer = await _asked(transport, "PUT", path, headers=condition, body=body)
        except UnansweredError:
            if number == TRIES:
                raise
        if answer is not None and (number == 1 or answer.status != 412):
            return answer
        await asyncio.sleep(PAUSE * number)
        found = await _asked(transport, "GET", path)
        if found.status == 200 and found.body == body:
            return found
        if answer is not None:
            return answer
    raise AssertionError("the last try returns or raises")


async def _asked(
    transport: S3Transport, method: str, path: str, *, headers: dict[str, str] | None = None, body: bytes = b""
) -> Answer:
    answer = await transport.send(method, path, headers=headers, body=body)
    if is_passing(answer):
        raise UnansweredError(str(_refused(transport, answer, path.split("/")[1])))
    return answer


def _refused(transport: S3Transport, answer: Answer, bucket: str) -> Exception:
    return refused(answer, transport.address, transport.address.access_key, bucket)
