"""The way to one Qdrant server, from any event loop."""

import asyncio
import warnings
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit
from weakref import WeakKeyDictionary

from aios.adapters.tls import Trust
from aios.adapters.tls_failures import Way
from aios.errors import CredentialsRefusedError, MissingExtraError, ServiceUnavailableError

if TYPE_CHECKING:
    from qdrant_client import AsyncQdrantClient

SECONDS = 10
"""For any one request."""
PORT = 6333
_NO_VECTOR = "Not existing vector name"
_NO_ANSWER = (ValueError, AssertionError)
"""What the client raises when it is answered with success and something else than Qdrant's JSON: a web page, another
service's JSON, or JSON without a result."""


class GoneError(ServiceUnavailableError):
    """A collection, or a vector of it, that was there is there no more."""


class QdrantServer:
    """Clients of one URL, one for each event loop."""

    def __init__(self, url: str) -> None:
        """`http[s]://[:API-KEY@]HOST[:PORT][/PATH]`, TLS as in `adapters.tls`. The path is where a proxy has put the
        server's root."""
        parts = urlsplit(url)
        self.trust = Trust.from_url(url)
        self._answered = False
        host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
        self._key = unquote(parts.password) if parts.password else None
        self._root = f"{parts.scheme}://{host}:{parts.port or (443 if parts.scheme == 'https' else PORT)}"
        self._path = parts.path.rstrip("/")
        self.address = f"{self._root}{self._path}"
        self._way = Way(f"Qdrant at {self.address}", self.trust, "AIOS_KNOWLEDGE_URL")
        self._clients: WeakKeyDictionary[asyncio.AbstractEventLoop, AsyncQdrantClient] = WeakKeyDictionary()

    @asynccontextmanager
    async def asked(self) -> AsyncIterator["AsyncQdrantClient"]:
        """The client of this event loop. What the server refuses or does not answer is ServiceUnavailableError, and so
        is what another server than Qdrant answers; what it does not find is GoneError."""
        client = self._client()
        from httpx import HTTPError
        from qdrant_client.common.client_exceptions import QdrantException
        from qdrant_client.http.exceptions import ApiException

        try:
            yield client
            self._answered = True
        except (ApiException, QdrantException, HTTPError, OSError, *_NO_ANSWER) as error:
            status = getattr(error, "status_code", None)
            if status in {401, 403}:
                raise CredentialsRefusedError(
                    f"Qdrant at {self.address} refuses the API key in AIOS_KNOWLEDGE_URL: http://:API-KEY@HOST:PORT"
                ) from error
            said = str(error).strip().partition("\n")[0][:300] or type(getattr(error, "source", error)).__name__
            if status == 404 or (status == 400 and _NO_VECTOR in str(error)):
                raise GoneError(f"Qdrant at {self.address}: {said}") from error
            if isinstance(getattr(error, "source", error), _NO_ANSWER):
                said = f"what answers there is not Qdrant ({said}): AIOS_KNOWLEDGE_URL names its root, http://HOST:PORT"
            raise self._way.failure(error, said, answered=self._answered) from error

    async def close(self) -> None:
        """End the connections of this event loop."""
        client = self._clients.pop(asyncio.get_running_loop(), None)
        if client is not None:
            await client.close()

    def _client(self) -> "AsyncQdrantClient":
        try:
            from qdrant_client import AsyncQdrantClient
        except ModuleNotFoundError as error:
            raise MissingExtraError("memory", "what agents remember (the tool Memory)") from error
        loop = asyncio.get_running_loop()
        client = self._clients.get(loop)
        if client is None:
            # The client's own default is the list of authorities that its library brings, not the machine's.
            verify = self.trust.context() if self.trust.encrypted else True
            with warnings.catch_warnings():
                # It writes to stderr past every log; `aios doctor` tells whether there is TLS.
                warnings.filterwarnings("ignore", "Api key is used with an insecure connection")
                client = self._clients[loop] = AsyncQdrantClient(
                    url=self._root,
                    prefix=self._path or None,
                    api_key=self._key,
                    timeout=SECONDS,
                    check_compatibility=False,
                    verify=verify,
                )
        return client
