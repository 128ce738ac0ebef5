"""One signed request to an S3 server: sent once, answered or not, and never silently sent again.

Whether a request may be repeated only its sender knows: a conditional write whose reply was lost looks refused when a
library repeats it. Signing (AWS Signature Version 4, the payload's digest included, so that the server verifies what
arrives) is the `minio` package's; connections are aiohttp's, a pool for each event loop.
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import quote, urlsplit
from weakref import WeakKeyDictionary

import aiohttp
from minio.credentials.credentials import Credentials
from minio.signer import sign_v4_s3
from yarl import URL

from aios.adapters.s3.address import VARIABLES, S3Address
from aios.errors import ServiceUnavailableError, TlsRefusedError

CONNECTIONS = 48
"""Requests in flight from one event loop; with objects in parts of at most 16 MiB this bounds the memory, too."""
CONNECT_SECONDS = 5.0
SILENCE_SECONDS = 20.0
"""Without a byte in either direction."""
PIECE = 64 * 1024
"""Of a body; each has to leave in time."""
_EMPTY = hashlib.sha256(b"").hexdigest()


class UnansweredError(ServiceUnavailableError):
    """The request was not answered: it may or may not have been carried out."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole response. Header names as aiohttp gives them: case does not matter."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def etag(self) -> str:
        """Without the quotes that some servers put around it."""
        return self.headers.get("ETag", "").strip('"')


class S3Transport:
    """The way to one server."""

    def __init__(self, address: S3Address) -> None:
        self.address = address
        self._answered = False
        self._credentials = Credentials(address.access_key, address.secret_key)
        self._sessions: WeakKeyDictionary[asyncio.AbstractEventLoop, aiohttp.ClientSession] = WeakKeyDictionary()

    async def send(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
    ) -> Answer:
        """`path` is `/bucket/key`, not encoded. Raises UnansweredError, and TlsRefusedError when it was
        not sent."""
        asked = sorted((query or {}).items())
        words = "&".join(f"{quote(name, safe='')}={quote(text, safe='')}" for name, text in asked)
        url = f"{self.address}{quote(path, safe='/-._~')}{f'?{words}' if words else ''}"
        digest = hashlib.sha256(body).hexdigest() if body else _EMPTY
        signed = self._signed(method, url, digest, headers or {})
        try:
            answer = await self._exchanged(method, URL(url, encoded=True), signed, body)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            said = f"it did not answer: {str(error) or type(error).__name__}"
            failure = self.address.way.failure(error, said, answered=self._answered)
            if isinstance(failure, TlsRefusedError):
                raise failure from error
            raise UnansweredError(str(failure)) from error
        if answer.status == 400 and self.address.scheme == "http" and b"HTTPS" in answer.body:
            # No document of S3, but what the web servers of Go and nginx say.
            raise TlsRefusedError(f"the object store at {self.address} expects HTTPS: s3+https:// in {VARIABLES}")
        return answer

    async def close(self) -> None:
        """End the connections of this event loop."""
        session = self._sessions.pop(asyncio.get_running_loop(), None)
        if session is not None:
            await session.close()

    async def _exchanged(self, method: str, url: URL, headers: dict[str, str], body: bytes) -> Answer:
        """What aiohttp makes of it. Its own timeouts begin when the body has left; a server that is frozen takes none,
        and never would."""
        async with asyncio.timeout(None) as patience:
            data = _in_pieces(body, patience) if len(body) > PIECE else body or None
            if len(body) > PIECE:
                headers = {**headers, "Content-Length": str(len(body))}
            async with self._session().request(
                method, url, headers=headers, data=data, allow_redirects=False
            ) as response:
                self._answered = True
                return Answer(response.status, response.headers, await response.read())

    def _signed(self, method: str, url: str, digest: str, headers: Mapping[str, str]) -> dict[str, str]:
        now = datetime.now(UTC)
        stated: dict[str, str | list[str] | tuple[str]] = {
            "Host": self.address.host,
            "x-amz-content-sha256": digest,
            "x-amz-date": now.strftime("%Y%m%dT%H%M%SZ"),
            **headers,
        }
        signed = sign_v4_s3(
            method=method,
            url=urlsplit(url),
            region=self.address.region,
            headers=stated,
            credentials=self._credentials,
            content_sha256=digest,
            date=now,
        )
        return {name: str(text) for name, text in signed.items()}

    def _session(self) -> aiohttp.ClientSession:
        loop = asyncio.get_running_loop()
        session = self._sessions.get(loop)
        if session is None:
            trust = self.address.trust.context() if self.address.trust.encrypted else True
            session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=CONNECTIONS, ssl=trust),
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS, sock_read=SILENCE_SECONDS),
                auto_decompress=False,
                skip_auto_headers=("Content-Type", "Accept-Encoding", "User-Agent"),
            )
            # aiohttp sends a PUT again, unasked, when a kept connection was cut; it has no public switch for that.
            # The contract suite behind the proxy that loses replies fails without this line.
            session._retry_connection = False
            self._sessions[loop] = session
        return session


async def _in_pieces(body: bytes, patience: asyncio.Timeout) -> AsyncIterator[bytes]:
    """`patience` ends what waits for a piece to leave; it does not begin before there is a connection."""
    now = asyncio.get_running_loop().time
    for start in range(0, len(body), PIECE):
        patience.reschedule(now() + SILENCE_SECONDS)
        yield body[start : start + PIECE]
    patience.reschedule(now() + 2 * SILENCE_SECONDS)  # what is left of it in a buffer, and the answer
