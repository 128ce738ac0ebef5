"""One Redis or Valkey server, reached from any event loop, each call within a bound.

A call that fails says so at once: everything kept here may vanish, so callers wait or do without. The library's own
retries are off, since a lost reply must not add to a counter twice; only what may be repeated is, once, because the
pool's connections do not outlive a restart of the server.
"""

import asyncio
import math
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlsplit
from weakref import WeakKeyDictionary

from aios.adapters.tls import Trust, without_options
from aios.adapters.tls_failures import Way
from aios.errors import CredentialsRefusedError, EnvironmentProblemError, ServiceUnavailableError

if TYPE_CHECKING:
    from redis.asyncio import BlockingConnectionPool, Redis

T = TypeVar("T")

CONNECT_SECONDS = 3.0
ANSWER_SECONDS = 5.0
"""For a whole call, connecting included."""
CONNECTIONS = 64
"""At the same time from one process; further calls wait for one, at most ANSWER_SECONDS."""
CLUSTER = "is part of a cluster, where keys are spread over servers: name a single server in AIOS_SESSIONS_URL"
RECONNECT_SECONDS = 1.0
"""Between two times that all connections are made anew."""


class RedisServer:
    """Clients of one URL, one for each event loop."""

    def __init__(self, url: str) -> None:
        """`redis[s]://[USER:PASSWORD@]HOST:PORT/DB`, TLS as in `adapters.tls`."""
        parts = urlsplit(url)
        self.trust = Trust.from_url(url)
        self._url = without_options(url)
        self._answered = False
        self._reconnected = -math.inf
        host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
        self.address = f"{host}:{parts.port or 6379}"
        self._way = Way(f"Redis at {self.address}", self.trust, "AIOS_SESSIONS_URL")
        self._clients: WeakKeyDictionary[asyncio.AbstractEventLoop, Redis] = WeakKeyDictionary()

    async def call(self, work: "Callable[[Redis], Awaitable[T]]", *, repeatable: bool = True) -> T:
        """The result of `work(client)`. Raises ServiceUnavailableError when the server does not answer or refuses.

        `repeatable`: whether doing it twice comes to the same, so that a connection which a restart has cut may be
        replaced without anyone noticing.
        """
        from redis.exceptions import ConnectionError as LostConnectionError
        from redis.exceptions import MasterDownError, ReadOnlyError

        try:
            try:
                return await self._once(work)
            except LostConnectionError:
                if not repeatable:
                    raise
            except (ReadOnlyError, MasterDownError):
                # It was the primary once; who connects again gets the one that is it now. Nothing was written.
                await self._reconnect()
            return await self._once(work)
        except Exception as error:
            raise self._translated(error) from error

    async def close(self) -> None:
        """End the connections of this event loop."""
        client = self._clients.pop(asyncio.get_running_loop(), None)
        if client is not None:
            await client.aclose()

    async def _once(self, work: "Callable[[Redis], Awaitable[T]]") -> T:
        async with asyncio.timeout(ANSWER_SECONDS):
            done = await work(self.client())
        self._answered = True
        return done

    async def _reconnect(self) -> None:
        """No further command goes over the connections that there are."""
        now = asyncio.get_running_loop().time()
        if now - self._reconnected > RECONNECT_SECONDS:
            self._reconnected = now
            await self.close()

    def client(self) -> "Redis":
        """This event loop's client. Raises EnvironmentProblemError when the library makes nothing of the URL."""
        from redis.asyncio import Redis

        loop = asyncio.get_running_loop()
        client = self._clients.get(loop)
        if client is None:
            client = self._clients[loop] = Redis.from_pool(self._pool())
        return client

    def _pool(self) -> "BlockingConnectionPool":
        from redis.asyncio import BlockingConnectionPool
        from redis.asyncio.retry import Retry
        from redis.backoff import NoBackoff

        encryption = {"tls_context": self.trust.context()} if self.trust.encrypted else {}
        try:
            pool = BlockingConnectionPool.from_url(
                self._url,
                **encryption,
                max_connections=CONNECTIONS,
                timeout=ANSWER_SECONDS,
                socket_connect_timeout=CONNECT_SECONDS,
                # With one the library sends each command under `asyncio.wait_for`, which before Python 3.12 loses four
                # of ten cancellations; `_once` bounds the call.
                socket_timeout=None,
                decode_responses=True,
                retry=Retry(NoBackoff(), 0),
                # With 3 the library listens for a vendor's notices of maintenance, and then does not look whether a
                # kept connection was cut before it sends what may not be sent twice. A URL would win, so the option is
                # refused there (`wiring.services`).
                protocol=2,
            )
        except ValueError as error:  # of an option, which it names without the URL
            raise EnvironmentProblemError(f"AIOS_SESSIONS_URL: {error}") from error
        if encryption:
            from aios.adapters.redis.encrypted import EncryptedConnection

            pool.connection_class = EncryptedConnection
        return pool

    def _translated(self, error: Exception) -> Exception:
        """What callers understand; defects of ours stay what they are."""
        from redis.exceptions import AuthenticationError, RedisError

        if isinstance(error, AuthenticationError):
            return CredentialsRefusedError(
                f"Redis at {self.address} refuses the credentials in AIOS_SESSIONS_URL: correct user and password"
            )
        if isinstance(error, TimeoutError):
            return ServiceUnavailableError(f"Redis at {self.address} did not answer within {ANSWER_SECONDS:.0f} s")
        if advice := _advice(error):
            return ServiceUnavailableError(f"Redis at {self.address} {advice}")
        if isinstance(error, RedisError | OSError):
            return self._way.failure(error, str(error) or type(error).__name__, answered=self._answered)
        return error


def _advice(error: Exception) -> str:
    """For refusals that last until somebody changes something."""
    from redis.exceptions import (
        AskError,
        ClusterCrossSlotError,
        ClusterDownError,
        MasterDownError,
        OutOfMemoryError,
        ReadOnlyError,
    )

    if isinstance(error, ReadOnlyError | MasterDownError):
        return "is a replica and takes no writes: name the primary in AIOS_SESSIONS_URL"
    if isinstance(error, AskError | ClusterCrossSlotError | ClusterDownError):  # MovedError is an AskError
        return f"{CLUSTER} ({error})"
    if isinstance(error, OutOfMemoryError):
        return "has no memory left: raise its maxmemory, or give us a server of our own"
    return ""


async def read_text(server: RedisServer, key: str) -> str | None:
    """The value of a plain key."""

    async def get(redis: "Redis") -> str | None:
        found = await redis.get(key)
        return found.decode() if isinstance(found, bytes) else found

    return await server.call(get)


def milliseconds(ttl: float) -> int:
    """A time to live as Redis takes it. Raises ValueError unless it is positive."""
    if ttl <= 0:
        raise ValueError(f"a time to live is more than 0 seconds, not {ttl}")
    return max(1, round(ttl * 1000))
