"""Connections to one RabbitMQ server: made when they are needed, thrown away when they are lost, never shared between
publishing and consuming, so that a broker that blocks publishers cannot keep an acknowledgement from arriving.

`aiormq` is the protocol engine below aio-pika; its callers here want no reconnecting behind their backs, since what
was under way when a connection was lost must be known to be in doubt.
"""

import asyncio
import logging
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import cycle, islice
from typing import Any
from urllib.parse import unquote, urlsplit
from weakref import WeakKeyDictionary

import aiormq
from aiormq.channel import Channel
from aiormq.connection import Connection
from yarl import URL

from aios.adapters.rabbitmq.gathering import Gathering
from aios.adapters.tls import Trust
from aios.adapters.tls_failures import Way
from aios.errors import CredentialsRefusedError, ServiceUnavailableError

CONNECT_SECONDS = 5.0
FAIL_FAST_SECONDS = 0.5
"""For how long an attempt to connect that failed speaks for all who ask."""
GOODBYE_SECONDS = 1.0
"""For the server's part of the end of TLS; by default a frozen one would hold up whoever closes for 30 seconds."""
HEARTBEAT_SECONDS = 15
"""The server gives up a client after two of them in silence."""
MOST_CHANNELS = 65_535
"""Of a connection, where the server sets no limit."""

# Each refusal and loss is raised to our callers, who say it once; aiormq says it too, as an error, with a trace.
for _loud in ("aiormq.connection", "aiormq.channel"):
    logging.getLogger(_loud).setLevel(logging.CRITICAL)


class RabbitServer:
    """One connection of each event loop to the server."""

    def __init__(self, url: str, *, purpose: str, heartbeat: int = HEARTBEAT_SECONDS) -> None:
        """`amqp[s]://USER:PASSWORD@HOST:PORT/VHOST`, TLS as in `adapters.tls`; `purpose` names the connection to the
        server, with the URL's `name` behind it. The URL's `heartbeat` goes before `heartbeat`."""
        parts = urlsplit(url)
        host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
        self.address = f"{host}:{parts.port or (5671 if parts.scheme == 'amqps' else 5672)}"
        self.trust = Trust.from_url(url)
        self._way = Way(f"RabbitMQ at {self.address}", self.trust, "AIOS_BROKER_URL")
        self._context: ssl.SSLContext | None = None
        stated = URL(url).query
        self.heartbeat = int(stated.get("heartbeat") or heartbeat)
        """Seconds, of which two in silence make the server give us up."""
        name = f"aios {purpose} {stated.get('name', '')}".strip()
        self._url = URL(url).update_query({"heartbeat": str(self.heartbeat), "name": name})
        self._vhost = f'the vhost "{unquote(parts.path[1:]) or "/"}"'
        self._connections: WeakKeyDictionary[asyncio.AbstractEventLoop, Connection] = WeakKeyDictionary()
        self._numbers: WeakKeyDictionary[Connection, Iterator[int]] = WeakKeyDictionary()
        self._failure: tuple[Exception | None, float] = None, 0.0
        self._locks: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Lock] = WeakKeyDictionary()

    async def channel(self, *, confirms: bool = False) -> Channel:
        """A new channel. Raises ServiceUnavailableError."""
        with self.translated():
            connection = await self._connection()
            async with asyncio.timeout(CONNECT_SECONDS):
                made = await connection.channel(
                    self._free_number(connection), publisher_confirms=confirms, on_return_raises=confirms
                )
        assert isinstance(made, Channel)  # declared as its abstract base, which lacks what publishing needs
        return made

    async def close(self) -> None:
        """End this event loop's connection."""
        connection = self._connections.pop(asyncio.get_running_loop(), None)
        if connection is not None:
            await connection.close()

    @contextmanager
    def translated(self) -> Iterator[None]:
        """Say in our words that the server does not answer, or not as it should."""
        try:
            yield
        except asyncio.CancelledError as error:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            # Nobody cancelled us: the library rejects its futures so when a connection is lost.
            raise ServiceUnavailableError(f"the connection to RabbitMQ at {self.address} was lost") from error
        except aiormq.exceptions.ProbableAuthenticationError as error:
            raise CredentialsRefusedError(
                f"RabbitMQ at {self.address} refuses the user, password or vhost in AIOS_BROKER_URL: correct them"
            ) from error
        except aiormq.exceptions.InvalidFrameError as error:
            # In place of its greeting the server says good-bye: so it refuses a vhost, and nothing else.
            raise CredentialsRefusedError(
                f"RabbitMQ at {self.address} does not open {self._vhost} for this user: make it, give the user rights "
                "to it, or correct the path in AIOS_BROKER_URL"
            ) from error
        except TimeoutError as error:
            raise ServiceUnavailableError(f"RabbitMQ at {self.address} did not answer in time") from error
        except (aiormq.exceptions.AMQPError, OSError, RuntimeError, asyncio.InvalidStateError) as error:
            # RuntimeError and InvalidStateError are what aiormq raises on a connection or channel that is gone.
            answered = asyncio.get_running_loop() in self._connections
            raise self._way.failure(error, _told(error), answered=answered) from error

    async def _connection(self) -> Connection:
        loop = asyncio.get_running_loop()
        async with self._locks.setdefault(loop, asyncio.Lock()):
            connection = self._connections.get(loop)
            if connection is not None and not connection.is_closed:
                return connection
            failed, at = self._failure
            if failed is not None and loop.time() - at < FAIL_FAST_SECONDS:
                raise failed  # whoever waited for the same attempt need not repeat it
            connection = Connection(self._url, **self._encryption())
            connection.write_queue = Gathering()
            try:
                async with asyncio.timeout(CONNECT_SECONDS):
                    await connection.connect()
            except (aiormq.exceptions.AMQPError, OSError, RuntimeError) as error:
                self._failure = error, loop.time()
                raise
            self._connections[loop] = connection
            return connection

    def _free_number(self, connection: Connection) -> int:
        """A number no channel of late had: when the server closes a channel, aiormq frees its number a moment before it
        has agreed to the closing, and whoever opens a channel under it meanwhile ends the connection for all."""
        most = connection.connection_tune.channel_max or MOST_CHANNELS
        numbers = self._numbers.setdefault(connection, cycle(range(1, most + 1)))
        for number in islice(numbers, most):
            if number not in connection.channels:
                return number
        raise RuntimeError(f"all {most} channels of a connection are in use")

    def _encryption(self) -> dict[str, Any]:
        """What `Connection` is told of TLS."""
        if not self.trust.encrypted:
            return {}
        self._context = self._context or self.trust.context()
        return {"context": self._context, "ssl_shutdown_timeout": GOODBYE_SECONDS}


def _told(error: BaseException) -> str:
    if isinstance(error, ConnectionError) and "Server connection" in str(error):
        return "it ended the connection"  # aiormq says this in several ways, at random; one outage is told once
    words = [str(word) for word in getattr(error, "args", ()) if word]
    return " ".join(words) or type(error).__name__
