"""Connections to Ollama: a client a call, with nothing in its headers that we did not put there.

A client a call rather than one for all: a kept connection that the server has just closed would look like a call that
was taken and lost.
"""

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Generator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aios.adapters.model_api.vendor import is_loopback
from aios.errors import MissingExtraError
from aios.spec.model import ModelSpec

if TYPE_CHECKING:
    import httpx
    from ollama import AsyncClient

DEFAULT = "http://127.0.0.1:11434"
CONNECT_SECONDS = 5.0
CALL_KEY = "X-AIOS-Call-Key"
"""An opaque name of the call on every request, so that a proxy's log can be laid beside the journal."""

ApiKey = Callable[[], Awaitable[str]]


@dataclass(slots=True)
class Connection:
    """One call's client, and what the library leaves out of answers: when to come back, and who really answers."""

    client: "AsyncClient"
    retry_after: float | None = None
    remote: str = ""
    """The host that the daemon passes a model's calls on to, once it was asked what the model is."""


def endpoint(spec: ModelSpec) -> str:
    """Where the daemon answers."""
    return (spec.endpoint or DEFAULT).rstrip("/")


@asynccontextmanager
async def connected(
    spec: ModelSpec, api_key: str, *, call_key: str = "", silence: float | None = None
) -> AsyncIterator[Connection]:
    """A client for `spec`'s daemon. `silence`: seconds without a byte after which httpx gives up; None: for ever.

    Raises MissingExtraError. The connection is closed when the block is left, by cancellation too.
    """
    try:
        import httpx
        from ollama import AsyncClient
    except ImportError as error:
        raise MissingExtraError("models", "the provider Ollama") from error

    async def note(response: httpx.Response) -> None:
        connection.retry_after = _seconds(response.headers.get("retry-after", ""))
        if response.is_success and response.url.path.endswith("/api/show"):
            connection.remote = _remote_host(await response.aread())

    where = endpoint(spec)
    client = AsyncClient(
        where,
        timeout=httpx.Timeout(silence, connect=CONNECT_SECONDS),
        auth=_headers(api_key, call_key),
        # The library's own default is to follow, and a 307 would carry the whole prompt to whatever host it names.
        follow_redirects=False,
        trust_env=not is_loopback(where),
        event_hooks={"response": [note]},
    )
    connection = Connection(client)
    async with client:
        yield connection


def _headers(api_key: str, call_key: str) -> "httpx.Auth":
    import httpx

    class Headers(httpx.Auth):
        """The last to touch a request: the library takes OLLAMA_API_KEY from the environment and would send it to any
        endpoint."""

        def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
            request.headers.pop("Authorization", None)
            if api_key:
                request.headers["Authorization"] = f"Bearer {api_key}"
            if call_key:
                request.headers[CALL_KEY] = call_key
            yield request

    return Headers()


def _remote_host(shown: bytes) -> str:
    """`remote_host` of what /api/show says; an answer of another form is judged by who reads the rest of it."""
    try:
        said = json.loads(shown)
    except ValueError:
        return ""
    return str(said.get("remote_host") or "") if isinstance(said, dict) else ""


def _seconds(header: str) -> float | None:
    """`Retry-After` in its form of seconds; a date is ignored, because clocks are not compared."""
    try:
        return max(0.0, float(header))
    except ValueError:
        return None
