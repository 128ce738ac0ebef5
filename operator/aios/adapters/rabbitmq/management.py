"""RabbitMQ's management API: what AMQP cannot ask. The operator's right; workers have no user there."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, unquote, urlsplit

import aiohttp
from yarl import URL

from aios.errors import ServiceUnavailableError

PORT = 15672
SECONDS = 10.0


class Management:
    """One server's management, for one vhost."""

    def __init__(self, broker_url: str, admin_url: str = "") -> None:
        """Without `admin_url`: the broker's host and user, port 15672."""
        broker = urlsplit(broker_url)
        admin = urlsplit(admin_url) if admin_url else broker
        scheme = admin.scheme if admin_url else ("https" if broker.scheme == "amqps" else "http")
        host = f"[{admin.hostname}]" if ":" in (admin.hostname or "") else admin.hostname
        self.vhost = unquote(broker.path[1:]) or "/"
        self.address = f"{scheme}://{host}:{(admin.port if admin_url else None) or PORT}"
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
                session.request(method, URL(url, encoded=True), json=body) as answer,
            ):
                if answer.status == 404 and method == "DELETE":
                    return None
                if answer.status >= 400:
                    raise ServiceUnavailableError(self._refused(answer.status, path))
                return await answer.json(content_type=None) if answer.status == 200 else None
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise ServiceUnavailableError(
                f"RabbitMQ's management at {self.address} does not answer ({error or type(error).__name__}): enable "
                "the plugin rabbitmq_management, or name its address in AIOS_BROKER_ADMIN_URL"
            ) from error

    def _refused(self, status: int, path: str) -> str:
        if status in {401, 403}:
            return (
                f"RabbitMQ's management at {self.address} refuses the user: give it the tag `administrator`, or name "
                "another one in AIOS_BROKER_ADMIN_URL"
            )
        return f"RabbitMQ's management at {self.address} answers {status} for {path}"
