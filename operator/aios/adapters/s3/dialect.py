"""Which conditional writes a server really honours: asked once, by trying, because servers differ and some ignore the
headers without a word (an unconditional write in their place would lose other people's data).
"""

import uuid
from enum import StrEnum

from aios.adapters.s3.refusals import refused
from aios.adapters.s3.transport import S3Transport
from aios.errors import EnvironmentProblemError

SCRATCH = "aios-dialect/"
STORES = "MinIO, SeaweedFS 4, Ceph RGW 16, Garage 2, AWS S3, Cloudflare R2"


class Dialect(StrEnum):
    """How If-Match wants its etag."""

    QUOTED = "quoted"
    UNQUOTED = "unquoted"

    def match(self, etag: str) -> str:
        """The header's value."""
        return f'"{etag}"' if self is Dialect.QUOTED else etag


async def find_dialect(transport: S3Transport, bucket: str) -> Dialect:
    """Try a scratch object in `bucket`. Raises EnvironmentProblemError when the server has no conditional writes."""
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
    only_new = {"If-None-Match": "*"}
    first = await transport.send("PUT", path, headers=only_new, body=b"first")
    if first.status != 200:
        raise refused(first, transport.address, transport.address.access_key, bucket)
    second = await transport.send("PUT", path, headers=only_new, body=b"second")
    if second.status != 412:
        raise EnvironmentProblemError(
            f"the object store at {transport.address} ignores If-None-Match (it answered {second.status} to a second "
            f"create): use a store with conditional writes, such as {STORES}"
        )


async def _honours(transport: S3Transport, path: str, dialect: Dialect) -> bool:
    """Whether the right etag is let through and a wrong one is not."""
    now = await transport.send("GET", path)
    wrong = dialect.match("0" * 32)
    if (await transport.send("PUT", path, headers={"If-Match": wrong}, body=b"wrong")).status != 412:
        return False
    right = await transport.send("PUT", path, headers={"If-Match": dialect.match(now.etag)}, body=now.body + b"!")
    return right.status == 200
