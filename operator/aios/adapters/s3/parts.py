"""Large objects in parts, several at a time: up by multipart upload, down by ranges of one version."""

import asyncio
import re
from collections.abc import Coroutine
from html import unescape
from typing import Protocol
from xml.sax.saxutils import escape

from aios.adapters.s3.transport import Answer
from aios.errors import PreconditionError, ServiceUnavailableError

PART = 16 * 1024 * 1024
AT_ONCE = 4
"""Parts of one object in flight: what a large transfer may hold beside the object itself is AT_ONCE * PART bytes."""


class Send(Protocol):
    """A request that may be repeated; raises for what is no success."""

    def __call__(
        self,
        method: str,
        path: str,
        *,
        query: dict[str, str] | None = None,
        headers: dict[str, str] | None = None,
        body: bytes = b"",
    ) -> Coroutine[None, None, Answer]: ...


async def put_in_parts(send: Send, path: str, data: bytes) -> str:
    """Returns the etag. What was begun and not finished is taken back."""
    begun = await send("POST", path, query={"uploads": ""})
    upload = _text(begun.body, "UploadId")
    try:
        room = asyncio.Semaphore(AT_ONCE)

        async def put(number: int, start: int) -> str:
            async with room:
                query = {"partNumber": str(number), "uploadId": upload}
                return (await send("PUT", path, query=query, body=data[start : start + PART])).etag

        starts = range(0, len(data), PART)
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(put(number, start)) for number, start in enumerate(starts, 1)]
        etags = [task.result() for task in tasks]
        done = await send("POST", path, query={"uploadId": upload}, body=_completion(etags))
    except BaseException:
        await asyncio.shield(send("DELETE", path, query={"uploadId": upload}))
        raise
    if b"<Error>" in done.body:  # S3 may answer 200 first and fail then
        raise ServiceUnavailableError(f"the object store could not complete {path}: {done.body[:300]!r}")
    return unescape(_text(done.body, "ETag")).strip('"')


async def get_rest(send: Send, path: str, first: Answer) -> bytes:
    """The whole object, of which `first` is the first PART bytes; the rest is of the same version."""
    total = int(first.headers.get("Content-Range", "/0").rpartition("/")[2])
    if total <= len(first.body):
        return first.body
    room = asyncio.Semaphore(AT_ONCE)

    async def get(start: int) -> bytes:
        async with room:
            span = {"Range": f"bytes={start}-{min(start + PART, total) - 1}"}
            answer = await send("GET", path, headers=span)
            if answer.etag != first.etag:
                raise PreconditionError(f"{path} was replaced while it was read: read it again")
            return answer.body

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(get(start)) for start in range(len(first.body), total, PART)]
    return b"".join([first.body, *(task.result() for task in tasks)])


def _completion(etags: list[str]) -> bytes:
    parts = "".join(
        f"<Part><PartNumber>{number}</PartNumber><ETag>{escape(etag)}</ETag></Part>"
        for number, etag in enumerate(etags, 1)
    )
    return f"<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>".encode()


def _text(document: bytes, tag: str) -> str:
    found = re.search(f"<{tag}>([^<]*)</{tag}>".encode(), document)
    if found is None:
        raise ServiceUnavailableError(f"the object store's answer has no {tag}: {document[:300]!r}")
    return found[1].decode()
