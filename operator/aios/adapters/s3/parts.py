"""Large objects in parts, several at a time: up by multipart upload, down by ranges of one version."""

import asyncio
import hashlib
import logging
import re
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from html import unescape
from typing import Protocol, TypeVar
from xml.sax.saxutils import escape

from aios.adapters.s3.transport import Answer
from aios.cancellation import cancelled
from aios.errors import AiosError, NotFoundError, ServiceUnavailableError

log = logging.getLogger(__name__)

T = TypeVar("T")

PART = 16 * 1024 * 1024
AT_ONCE = 4
"""Parts of one object in flight: what a large transfer may hold beside the object itself is AT_ONCE * PART bytes."""
_MD5 = re.compile("[0-9a-f]{32}")


class ReplacedError(ServiceUnavailableError):
    """An object was replaced while it was read in parts: read it again."""


class Send(Protocol):
    """A request that may be repeated; raises for what is no success and not `allowed`."""

    def __call__(
        self,
        method: str,
        path: str,
        *,
        query: dict[str, str] | None = None,
        headers: dict[str, str] | None = None,
        body: bytes = b"",
        allowed: frozenset[int] | set[int] = frozenset(),
    ) -> Coroutine[None, None, Answer]: ...


async def put_in_parts(send: Send, path: str, data: bytes, headers: dict[str, str] | None = None) -> str:
    """Returns the etag. `headers` are the object's own. What was begun and not finished is taken back. Raises the
    first error of a part."""
    begun = await send("POST", path, query={"uploads": ""}, headers=headers)
    upload = _text(begun.body, "UploadId")

    async def put(start: int) -> str:
        query = {"partNumber": str(start // PART + 1), "uploadId": upload}
        return (await send("PUT", path, query=query, body=data[start : start + PART])).etag

    try:
        etags = await _side_by_side(put, range(0, len(data), PART))
        return await _completed(send, path, upload, etags)
    except BaseException:
        await _take_back(send, path, upload)
        raise


async def get_rest(send: Send, path: str, first: Answer) -> bytes:
    """The whole object, of which `first` is the first PART bytes; the rest is of the same version. Raises the first
    error of a part, ReplacedError when the object was replaced meanwhile."""
    total = int(first.headers.get("Content-Range", "/0").rpartition("/")[2])
    if total <= len(first.body):
        return first.body

    async def get(start: int) -> bytes:
        end = min(start + PART, total)
        answer = await send("GET", path, headers={"Range": f"bytes={start}-{end - 1}"}, allowed={416})
        if answer.status == 416 or answer.etag != first.etag:
            raise ReplacedError(f"{path} is replaced all the time while it is read")
        if len(answer.body) != end - start:
            raise ServiceUnavailableError(f"the object store gave {len(answer.body)} of {end - start} bytes of {path}")
        return answer.body

    return b"".join([first.body, *await _side_by_side(get, range(len(first.body), total, PART))])


async def _side_by_side(work: Callable[[int], Awaitable[T]], starts: Sequence[int]) -> list[T]:
    """`work` for each, AT_ONCE at a time. When this returns or raises, none of it runs any more.

    No TaskGroup: its ExceptionGroup is no error that anybody waits for, and on Python 3.11 the task in which a group
    failed counts as cancelled ever after, which spoils the timeouts around it.
    """
    room = asyncio.Semaphore(AT_ONCE)

    async def one(start: int) -> T:
        async with room:
            return await work(start)

    tasks = [asyncio.create_task(one(start)) for start in starts]
    try:
        return await asyncio.gather(*tasks)
    finally:
        await cancelled(*tasks)


async def _completed(send: Send, path: str, upload: str, etags: list[str]) -> str:
    try:
        done = await send("POST", path, query={"uploadId": upload}, body=_completion(etags))
    except NotFoundError as error:
        # The reply to an earlier try was lost, or somebody tidied up.
        ours = _etag_of_all(etags)
        there = await send("HEAD", path, allowed={404})
        if ours and there.etag == ours:
            return ours
        # Whoever puts it again does no harm.
        raise ServiceUnavailableError(f"the object store no longer knew the upload of {path} when it ended") from error
    if b"<Error>" in done.body:  # S3 may answer 200 first and fail then
        raise ServiceUnavailableError(f"the object store could not complete {path}: {done.body[:300]!r}")
    return unescape(_text(done.body, "ETag")).strip('"')


async def _take_back(send: Send, path: str, upload: str) -> None:
    """Give the upload up. If that fails, too, it is only told: why the upload failed matters more."""
    try:
        await asyncio.shield(send("DELETE", path, query={"uploadId": upload}, allowed={404}))
    except AiosError as error:
        log.warning("%s: parts of a broken upload may be left in the object store: %s", path, error)


def _completion(etags: list[str]) -> bytes:
    parts = "".join(
        f"<Part><PartNumber>{number}</PartNumber><ETag>{escape(etag)}</ETag></Part>"
        for number, etag in enumerate(etags, 1)
    )
    return f"<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>".encode()


def _etag_of_all(etags: list[str]) -> str:
    """Of the whole, as S3 makes it of its parts' MD5 digests; "" where those are none."""
    if not all(_MD5.fullmatch(etag) for etag in etags):
        return ""
    joined = b"".join(bytes.fromhex(etag) for etag in etags)
    return f"{hashlib.md5(joined, usedforsecurity=False).hexdigest()}-{len(etags)}"


def _text(document: bytes, tag: str) -> str:
    found = re.search(f"<{tag}>([^<]*)</{tag}>".encode(), document)
    if found is None:
        raise ServiceUnavailableError(f"the object store's answer has no {tag}: {document[:300]!r}")
    return found[1].decode()
