"""RabbitMQ's management API: what AMQP cannot ask. The operator's right; workers have no user there."""

import ssl
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, unquote, urlsplit

import aiohttp
from yarl import URL

from aios.adapters.tls import Trust
from aios.adapters.tls_failures import Way
from aios.errors import CredentialsRefusedError, ServiceUnavailableError

PORT, TLS_PORT = 15672, 15671
SECONDS = 10.0


class Management:
    """One server's management, for one vhost."""

    def __init__(self, broker_url: str, admin_url: str = "") -> None:
        """Without `admin_url`: the broker's host, user and TLS; without a port RabbitMQ's own, 15672 or 15671."""
        broker = urlsplit(broker_url)
        admin = urlsplit(admin_url) if admin_url else broker
        scheme = admin.scheme if admin_url else ("https" if broker.scheme == "amqps" else "http")
        host = f"[{admin.hostname}]" if ":" in (admin.hostname or "") else admin.hostname
        self.vhost = unquote(broker.path[1:]) or "/"
        port = (admin.port if admin_url else None) or (TLS_PORT if scheme == "https" else PORT)
        self.address = f"{scheme}://{host}:{port}"
        self._answered = False
        self._trust = Trust.from_url(admin_url or broker_url)
        self._context: ssl.SSLContext | None = None
        variable = "AIOS_BROKER_ADMIN_URL" if admin_url else "AIOS_BROKER_URL"
        self._way = Way(f"RabbitMQ's management at {self.address}", self._trust, variable)
        user = admin if admin.username else broker
        login, password = unquote(user.username or "guest"), unquote(user.password or "guest")
        self._headers = {"Authorization": aiohttp.encode_basic_auth(login, password)}

    async def ask(self, method: str, path: str, body: Mapping[str, object] | None = None) -> Any:
        """`path` below `/api`, its parts encoded; `{vhost}` stands for ours. Returns the JSON answer, None when there
        is none. Raises ServiceUnavailableError; a 404 of DELETE is none."""
        url = f"{self.address}/api/{path.replace('{vhost}', quote(self.vhost, safe=''))}"
        timeout = aiohttp.ClientTimeout(total=SECONDS)
        try:
            async with (
                aiohttp.ClientSession(timeout=timeout, headers=self._headers) as session,
                session.request(method, URL(url, encoded=True), json=body, ssl=self._tls()) as answer,
            ):
                self._answered = True
                if answer.status == 404 and method == "DELETE":
                    return None
                if answer.status in {401, 403}:
                    raise CredentialsRefusedError(self._refused(answer.status, path))
                if answer.status >= 400:
                    raise ServiceUnavailableError(self._refused(answer.status, path))
                return await answer.json(content_type=None) if answer.status == 200 else None
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            said = f"it does not answer ({error or type(error).__name__})"
            advice = ": enable the plugin rabbitmq_management, or name its address in AIOS_BROKER_ADMIN_URL"
            raise self._way.failure(error, said, answered=self._answered, advice=advice) from error

    def _tls(self) -> ssl.SSLContext | bool:
        if self._context is None and self._trust.encrypted:
            self._context = self._trust.context()
        return self._context or True

    def _refused(self, status: int, path: str) -> str:
        if status in {401, 403}:
            return (
                f"RabbitMQ's management at {self.address} refuses the user: give it the tag `administrator`, or name "
                "another one in AIOS_BROKER_ADMIN_URL"
            )
        return f"RabbitMQ's management at {self.address} answers {status} for {path}"
