"""ObjectStore on an S3 server, with true conditional writes.

What may be repeated is repeated here, a few times and by ourselves; a conditional write whose reply was lost is read
back instead: our bytes there mean that it succeeded. Conditional writes go up in one piece (S3 takes 5 GiB), since
servers differ in whether a multipart upload honours conditions.
"""

import asyncio
import contextlib
import hashlib
import random
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from aios.adapters.s3.dialect import Dialect, Dialects
from aios.adapters.s3.keys import require_key, to_key, to_name, to_prefix
from aios.adapters.s3.listing import read_etags, read_page
from aios.adapters.s3.parts import PART, ReplacedError, get_rest, put_in_parts
from aios.adapters.s3.refusals import code_of, is_passing, no_bucket, refused
from aios.adapters.s3.transport import Answer, S3Transport, UnansweredError
from aios.errors import NotFoundError, PreconditionError, ServiceUnavailableError
from aios.ports.object_store import StoredObject

T = TypeVar("T")

TRIES = 4
FIRST_PAUSE = 0.1
SUM = "x-amz-meta-sha256"
"""Kept beside the bytes and compared when they are read: what is damaged on the way up the server itself refuses."""


class SpoiledError(ServiceUnavailableError):
    """What was read is not what was written."""


class S3Objects:
    """ObjectStore; see the port for what is promised."""

    def __init__(self, transport: S3Transport, bucket: str, dialects: Dialects) -> None:
        """`dialects` remembers what was found of a server, for all buckets of it."""
        self._transport, self._bucket, self._dialects = transport, bucket, dialects
        self._bucket_seen = False

    async def put(self, key: str, data: bytes) -> str:
        require_key(key)
        await self._require_bucket()
        stated = {SUM: await sum_of(data)}
        if len(data) > PART:
            return await put_in_parts(self._send, self._path(key), data, stated)
        return (await self._send("PUT", self._path(key), headers=stated, body=data)).etag

    async def create(self, key: str, data: bytes) -> str:
        require_key(key)
        await self._dialect()
        return await self._conditional(key, data, {"If-None-Match": "*"}, unchanged=None)

    async def replace(self, key: str, data: bytes, etag: str) -> str:
        require_key(key)
        dialect = await self._dialect()
        return await self._conditional(key, data, {"If-Match": dialect.match(etag)}, unchanged=etag)

    async def get(self, key: str) -> StoredObject:
        require_key(key)
        for _ in range(TRIES - 1):
            with contextlib.suppress(ReplacedError, SpoiledError):
                return await self._whole(self._path(key))
        return await self._whole(self._path(key))

    async def exists(self, key: str) -> bool:
        require_key(key)
        return (await self._send("HEAD", self._path(key), allowed={404})).status == 200

    async def list(self, prefix: str) -> Sequence[str]:
        query, found = {"list-type": "2", "prefix": to_prefix(prefix), "encoding-type": "url"}, set[str]()
        token = ""
        while True:
            asked = {**query, "continuation-token": token} if token else query
            page = read_page((await self._send("GET", f"/{self._bucket}", query=asked)).body)
            found.update(key for name in page.names if (key := to_key(name)) is not None)
            token = page.token
            if not token:
                return sorted(found)

    async def delete(self, key: str) -> None:
        require_key(key)
        await self._send("DELETE", self._path(key), allowed={404})

    async def close(self) -> None:
        """End the connections."""
        await self._transport.close()

    async def _whole(self, path: str) -> StoredObject:
        first = await self._send("GET", path, headers={"Range": f"bytes=0-{PART - 1}"}, allowed={416})
        if first.status == 416:  # an empty object has no first byte
            first = await self._send("GET", path)
        data, stated = await get_rest(self._send, path, first), first.headers.get(SUM)
        if stated and await sum_of(data) != stated:
            raise SpoiledError(
                f"{path} at the object store {self._transport.address} is not as it was written: restore it"
            )
        return StoredObject(data, first.etag)

    def _path(self, key: str) -> str:
        return f"/{self._bucket}/{to_name(key)}"

    async def _require_bucket(self) -> None:
        """Some servers make a bucket for whoever writes into it; a wrong name must not become one."""
        if not self._bucket_seen:
            answer = await self._send("HEAD", f"/{self._bucket}", allowed={404})
            if answer.status == 404:
                raise no_bucket(self._bucket, self._transport.address)
            self._bucket_seen = True

    async def _dialect(self) -> Dialect:
        await self._require_bucket()
        return await self._dialects.of(self._transport, self._bucket)

    async def _conditional(self, key: str, data: bytes, condition: dict[str, str], *, unchanged: str | None) -> str:
        """`unchanged`: the etag by which we know that our write was not carried out; None: by the object's absence."""
        stated = {**condition, SUM: await sum_of(data)}
        failure: Exception
        for number in range(1, TRIES + 1):
            try:
                answer = await self._transport.send("PUT", self._path(key), headers=stated, body=data)
            except UnansweredError as error:
                failure, is_verdict = error, False
            else:
                if answer.status == 200:
                    return answer.etag
                failure, is_verdict = self._unwritten(answer, key), not is_passing(answer)
            if number == (1 if is_verdict else TRIES):
                raise failure
            # A refusal after a try without an answer may be due to that try, which was carried out late.
            await _pause(number)
            written = await self._read_back(key, data, unchanged)
            if written:
                return written
            if is_verdict:
                raise failure
        raise AssertionError("the last try returns or raises")

    def _unwritten(self, answer: Answer, key: str) -> Exception:
        if answer.status == 404 and code_of(answer) == "NoSuchKey":
            return PreconditionError(f"{self._bucket}/{key} is gone")
        return self._refused(answer, key)

    async def _read_back(self, key: str, data: bytes, unchanged: str | None) -> str:
        """The etag if our bytes are there; "" if nothing has changed yet. Raises PreconditionError otherwise."""
        try:
            found = await self.get(key)
        except NotFoundError:
            if unchanged is None:
                return ""
            raise PreconditionError(f"{self._bucket}/{key} is gone") from None
        if found.data == data:
            return found.etag
        if unchanged is not None and found.etag == unchanged:
            return ""
        ours = hashlib.md5(data, usedforsecurity=False).hexdigest()
        if ours in await self._versions(key):
            return ours  # it was written, and replaced by somebody else since
        raise PreconditionError(f"{self._bucket}/{key} was written by somebody else meanwhile")

    async def _versions(self, key: str) -> tuple[str, ...]:
        """The etags of the latest versions of an object, where the bucket keeps them: those of ours are MD5 digests,
        since conditional writes go up in one piece."""
        query = {"versions": "", "prefix": to_name(key), "encoding-type": "url"}
        answer = await self._send("GET", f"/{self._bucket}", query=query, allowed={400, 404, 501})
        return read_etags(answer.body) if answer.status == 200 else ()

    async def _send(
        self,
        method: str,
        path: str,
        *,
        query: dict[str, str] | None = None,
        headers: dict[str, str] | None = None,
        body: bytes = b"",
        allowed: frozenset[int] | set[int] = frozenset(),
    ) -> Answer:
        """A request that may be repeated. Raises what the answer means unless it is a success or `allowed`."""

        async def send() -> Answer:
            answer = await self._transport.send(method, path, query=query, headers=headers, body=body)
            if is_passing(answer):
                raise UnansweredError(str(self._refused(answer, path)))
            return answer

        answer = await self._patiently(send)
        if answer.status // 100 != 2 and answer.status not in allowed:
            raise self._refused(answer, to_key(path.partition(f"/{self._bucket}/")[2]) or "")
        return answer

    async def _patiently(self, work: Callable[[], Awaitable[T]]) -> T:
        for number in range(1, TRIES):
            try:
                return await work()
            except UnansweredError:
                await _pause(number)
        return await work()

    def _refused(self, answer: Answer, key: str) -> Exception:
        address = self._transport.address
        return refused(answer, address, address.access_key, self._bucket, key)


async def _pause(number: int) -> None:
    # Full jitter: writers that were turned away together come back apart.
    await asyncio.sleep(FIRST_PAUSE * 2 ** (number - 1) * (0.5 + random.random()))


async def sum_of(data: bytes) -> str:
    """SHA-256 in hex; of what is large not in the event loop."""
    if len(data) > PART:
        return await asyncio.to_thread(lambda: hashlib.sha256(data).hexdigest())
    return hashlib.sha256(data).hexdigest()
