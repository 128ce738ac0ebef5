"""One pool of HTTP connections to one API server, and who we are there.

lightkube reads kubeconfigs, service accounts and credential plug-ins. Its client is not used: requests go through
aiohttp, which Kopf brings along and which needs a third of the CPU a request. It refuses to know kinds and verbs.
"""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp
import httpx2
from lightkube.config.client_adapter import user_auth, verify_cluster
from lightkube.config.kubeconfig import KubeConfig, SingleConfig
from lightkube.config.models import User
from lightkube.core.exceptions import ConfigError

from aios import __version__
from aios.errors import EnvironmentProblemError, ServiceUnavailableError

_CONNECTIONS = 40
_TIMEOUT = aiohttp.ClientTimeout(total=15.0)
_UNAUTHORIZED = 401
_SILENCE = 30.0
"""Seconds by which a stream may be late to end."""

Body = Mapping[str, Any]
"""JSON, as the API server reads and writes it."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """Where the API server is and how to speak to it. Read anew when refused."""

    server: str
    ssl: ssl.SSLContext
    authorization: str | None
    namespace: str


def credentials(context: str | None = None) -> Credentials:
    """Those of the pod's service account, else of KUBECONFIG's `context` (default: its current one).

    Raises EnvironmentProblemError when there is no configuration. May run the kubeconfig's credential plug-in.
    """
    config, user = _configuration(context)
    request = httpx2.Request("GET", config.cluster.server)
    auth = user_auth(user)
    if auth is not None:
        request = next(auth.sync_auth_flow(request))
    context_ssl = verify_cluster(config.cluster, user, config.abs_file)
    return Credentials(config.cluster.server, context_ssl, request.headers.get("Authorization"), config.namespace)


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked. `path` begins with a slash; `content_type` is of `body`."""

    method: str
    path: str
    query: Mapping[str, str]
    body: Body | None = None
    content_type: str = "application/json"


class Connection:
    """Sends requests. Raises ServiceUnavailableError when nobody answers; refusals are the caller's to judge."""

    def __init__(self, session: aiohttp.ClientSession, found: Credentials, renew: Callable[[], Credentials]) -> None:
        self._session, self._credentials, self._renew = session, found, renew

    async def send(self, request: Request) -> tuple[int, Body]:
        """Status code and body. A refused token is read anew once: they are rotated while we run."""
        code, body = await self._send(request)
        if code == _UNAUTHORIZED:
            self._credentials = await asyncio.to_thread(self._renew)
            code, body = await self._send(request)
        return code, body

    async def stream(self, request: Request, seconds: float) -> AsyncIterator[Body]:
        """The JSON lines of an answer that goes on for `seconds`. A refusal is the only line then: a Status."""
        timeout = aiohttp.ClientTimeout(sock_connect=_TIMEOUT.total, sock_read=seconds + _SILENCE)
        rest = b""
        try:
            async with self._open(request, timeout) as answer:
                async for chunk in answer.content.iter_any():
                    *lines, rest = (rest + chunk).split(b"\n")
                    for line in lines:
                        yield _parse(line)
            if rest.strip():
                yield _parse(rest)
        except (aiohttp.ClientError, TimeoutError) as error:
            raise _unreachable(error) from error

    async def _send(self, request: Request) -> tuple[int, Body]:
        try:
            async with self._open(request, _TIMEOUT) as answer:
                return answer.status, _parse(await answer.read())
        except (aiohttp.ClientError, TimeoutError) as error:
            raise _unreachable(error) from error

    def _open(self, request: Request, timeout: aiohttp.ClientTimeout) -> Any:
        found = self._credentials
        headers = {"Authorization": found.authorization} if found.authorization else {}
        data = None
        if request.body is not None:
            headers["Content-Type"] = request.content_type
            data = json.dumps(request.body).encode()
        return self._session.request(
            request.method,
            found.server.rstrip("/") + request.path,
            params=request.query,
            headers=headers,
            data=data,
            ssl=found.ssl,
            timeout=timeout,
        )


@asynccontextmanager
async def open_connection(context: str | None = None) -> AsyncIterator[Connection]:
    """To the API server that `credentials` finds. Raises EnvironmentProblemError when there is none."""
    found = await asyncio.to_thread(credentials, context)
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=_CONNECTIONS),
        headers={"User-Agent": f"aios/{__version__}"},
        proxy=_proxy(found.server),  # trust_env would look for a netrc file, in a thread, at every request
    ) as session:
        yield Connection(session, found, lambda: credentials(context))


def _proxy(server: str) -> str | None:
    """What HTTPS_PROXY and NO_PROXY say of the API server."""
    url = urlsplit(server)
    return None if proxy_bypass(url.hostname or "") else getproxies().get(url.scheme)


def _configuration(context: str | None) -> tuple[SingleConfig, User]:
    try:
        config = KubeConfig.from_env().get(context_name=context)
    except (ConfigError, OSError, KeyError) as error:
        raise EnvironmentProblemError(f"no usable Kubernetes configuration: {error}; set KUBECONFIG") from error
    if config is None or config.user is None:
        raise EnvironmentProblemError("the kubeconfig's context names no user; choose another with --context")
    return config, config.user


def _parse(text: bytes) -> Body:
    """Proxies in between answer in words: then these are a Status' message."""
    try:
        body = json.loads(text)
    except ValueError:
        body = None
    return body if isinstance(body, dict) else {"message": text[:300].decode(errors="replace").strip()}


def _unreachable(error: Exception) -> ServiceUnavailableError:
    return ServiceUnavailableError(f"the API server does not answer: {type(error).__name__}: {error}")
