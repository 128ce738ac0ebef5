"""A user for each team, who consumes from its members' queues and rings at its namespace's engine, and no more.

What cannot be forbidden here: whoever may log in to a vhost can ask whether a queue exists and how many messages
wait in it, as a passive declaration needs no right.

Users belong to the server and not to a vhost, so a vhost other than `/` is part of their names.
"""

import re
from collections.abc import Awaitable, Collection
from typing import TypeVar
from urllib.parse import quote

from aios.adapters.rabbitmq.layout import exchange_of
from aios.adapters.rabbitmq.management import Management
from aios.errors import CredentialsRefusedError
from aios.naming import engine_queue, queue_name
from aios.ports.access import Grantee, NoUsersError

T = TypeVar("T")

NOTHING = "^$"
_MEMBER = "[a-z0-9-]+"
"""No dot: a queue's dead letters are not its consumers'."""


class RabbitUsers:
    """ServiceUsers."""

    def __init__(self, url: str, admin_url: str = "") -> None:
        """As `RabbitAdmin`."""
        self._management = Management(url, admin_url)

    async def grant(self, grantee: Grantee, password: str) -> str:
        user = f"{grantee.user}{self._suffix()}"
        name, namespace = quote(user, safe=""), grantee.namespace
        ask = self._management.ask
        # Without tags: no user of the management.
        await _allowed(ask("PUT", f"users/{name}", {"password": password, "tags": ""}))
        # The narrower right first: without one for its exchange every routing key would be allowed.
        await _allowed(ask("PUT", f"topic-permissions/{{vhost}}/{name}", bell_rights(namespace)))
        await _allowed(ask("PUT", f"permissions/{{vhost}}/{name}", queue_rights(namespace, grantee.team)))
        return user

    async def revoke(self, grantee: Grantee) -> None:
        user = f"{grantee.user}{self._suffix()}"
        await _allowed(self._management.ask("DELETE", f"users/{quote(user, safe='')}"))

    async def grantees(self) -> Collection[Grantee]:
        suffix = self._suffix()
        listed = [str(user["name"]) for user in await _allowed(self._management.ask("GET", "users?columns=name"))]
        ours = (name.removesuffix(suffix) for name in listed if name.endswith(suffix))
        return [grantee for name in ours if (grantee := Grantee.of_user(name)) is not None]

    def _suffix(self) -> str:
        return "" if self._management.vhost == "/" else f"@{self._management.vhost}"


async def _allowed(asking: Awaitable[T]) -> T:
    try:
        return await asking
    except CredentialsRefusedError as error:
        raise NoUsersError(str(error)) from error


def queue_rights(namespace: str, team: str) -> dict[str, str]:
    """Regular expressions over the names of queues and exchanges, as RabbitMQ takes them."""
    return {
        "configure": NOTHING,
        "write": f"^{re.escape(exchange_of(engine_queue(namespace)))}$",
        "read": f"^{re.escape(queue_name(namespace, team, ''))}{_MEMBER}$",
    }


def bell_rights(namespace: str) -> dict[str, str]:
    """The one routing key with which it may publish."""
    queue = engine_queue(namespace)
    return {"exchange": exchange_of(queue), "write": f"^{re.escape(queue)}$", "read": NOTHING}
