"""The HTTP client under a vendor's library: goes nowhere but to the endpoint, sends no header nobody asked for, and
stops reading at a bound.

The libraries add headers from the environment (ANTHROPIC_CUSTOM_HEADERS, OPENAI_ORG_ID ...) whatever the endpoint is,
and tell about the machine; what may leave is listed here instead. Proxies of the environment are honoured, but
for what is on this machine.
"""

import logging
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from aios.adapters.model_api.vendor import is_loopback

if TYPE_CHECKING:
    import httpx2

CONNECT_SECONDS = 10.0
SEND_SECONDS = 60.0
"""Longest pause while the request leaves."""
CALL_KEY = "X-AIOS-Call-Key"
SENT = frozenset(
    {
        "accept",
        "accept-encoding",
        "anthropic-version",
        "authorization",
        "connection",
        "content-length",
        "content-type",
        "host",
        "transfer-encoding",
        "user-agent",
        "x-api-key",
        CALL_KEY.lower(),
    }
)
"""Headers that leave, by lower-case names."""
FREE_BYTES = 4 * 2**20
BYTES_A_TOKEN = 2**10
"""Far above what any server spends on the event that carries one token."""


class TooLongError(Exception):
    """The answer is longer than its bound. `limit` in bytes."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"more than {limit} bytes")
        self.limit = limit


class RedirectedError(Exception):
    """The server points elsewhere."""

    def __init__(self, status: int, target: str) -> None:
        super().__init__(f"{status} to {target}")
        self.status, self.target = status, target


def hush(library: str) -> None:
    """Once it is imported: its debug lines, which a variable of the environment turns on (ANTHROPIC_LOG), hold the key
    and the whole request."""
    logging.getLogger(library).setLevel(logging.WARNING)


def longest_reply(max_output_tokens: int) -> int:
    """Bytes of an answer that are read at most."""
    return FREE_BYTES + BYTES_A_TOKEN * max_output_tokens


def open_http(endpoint: str, *, idle: float, longest: float, limit: int) -> "httpx2.AsyncClient":
    """A client for one event loop. `idle`: seconds without a byte until a connection counts as dead; `longest`:
    seconds of a whole call, of which connecting takes at most half, so that it is known when nothing was sent;
    `limit`: bytes of an answer."""
    import httpx2

    async def only_what_is_listed(request: httpx2.Request) -> None:
        for name in [name for name in request.headers if name.lower() not in SENT]:
            del request.headers[name]
        # A compressed answer could be far longer than the bytes that are counted.
        request.headers["Accept-Encoding"] = "identity"

    async def bounded(response: httpx2.Response) -> None:
        if response.has_redirect_location:
            raise RedirectedError(response.status_code, response.headers["location"])
        if isinstance(response.stream, httpx2.AsyncByteStream):
            response.stream = _bounded(response.stream, limit)

    connect = min(CONNECT_SECONDS, longest / 2)
    return httpx2.AsyncClient(
        timeout=httpx2.Timeout(connect=connect, pool=connect, write=SEND_SECONDS, read=min(idle, longest)),
        follow_redirects=False,
        trust_env=not is_loopback(endpoint),
        event_hooks={"request": [only_what_is_listed], "response": [bounded]},
    )


def _bounded(inner: "httpx2.AsyncByteStream", limit: int) -> "httpx2.AsyncByteStream":
    import httpx2

    class Bounded(httpx2.AsyncByteStream):
        async def __aiter__(self) -> AsyncIterator[bytes]:
            read = 0
            async for chunk in inner:
                read += len(chunk)
                if read > limit:
                    raise TooLongError(limit)
                yield chunk

        async def aclose(self) -> None:
            await inner.aclose()

    return Bounded()
