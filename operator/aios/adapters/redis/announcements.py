"""Announcements over Redis' pub/sub: a hint that something was written, to whoever listens just now. The doorbell of a
journal that many processes share.

A hint may be lost, come late or come twice; nobody may wait for one without an end.
"""

import asyncio
import logging
from contextlib import suppress
from typing import TYPE_CHECKING

from aios.adapters.redis.connection import ANSWER_SECONDS, RedisServer
from aios.cancellation import cancelled
from aios.errors import ServiceUnavailableError

if TYPE_CHECKING:
    from redis.asyncio.client import PubSub

log = logging.getLogger(__name__)

PAUSE = 2.0
"""Seconds before a subscription that was lost is made again."""
POLL = 30.0
"""Seconds of quiet after which the server is asked whether it is there."""


class RedisAnnouncements:
    """One channel. For one event loop."""

    def __init__(self, url: str, prefix: str, topic: str) -> None:
        self._server = RedisServer(url)
        self._channel = f"{prefix}:announce:{topic}"
        self._heard = asyncio.Event()
        self._listening: asyncio.Task[None] | None = None
        self._quiet = False

    async def announce(self) -> None:
        """Tell everybody who listens. A server that is away loses the hint, and nothing else."""
        try:
            await self._server.call(lambda redis: redis.publish(self._channel, ""))
            self._quiet = False
        except ServiceUnavailableError as error:
            if not self._quiet:
                log.info("hints are lost: %s", error)
            self._quiet = True

    async def announced(self, wait: float) -> None:
        """Return when something was announced since the last call, or after `wait` seconds."""
        if self._listening is None:
            self._listening = asyncio.create_task(self._listen(), name="announcements")
        with suppress(TimeoutError):
            async with asyncio.timeout(wait):
                await self._heard.wait()
        self._heard.clear()

    async def close(self) -> None:
        """Listen no more."""
        if self._listening is not None:
            await cancelled(self._listening)
        await self._server.close()

    async def _listen(self) -> None:
        while True:
            try:
                await self._listen_once()
            except Exception as error:  # noqa: BLE001  # whatever ends a subscription, a hint is all that is lost
                log.info("listening for hints again: %s", str(error) or type(error).__name__)
            self._heard.set()  # what was missed meanwhile
            await asyncio.sleep(PAUSE)

    async def _listen_once(self) -> None:
        async with self._server.client().pubsub() as subscription:
            async with asyncio.timeout(ANSWER_SECONDS):
                await subscription.subscribe(self._channel)
            while True:
                heard = await subscription.parse_response(block=False, timeout=POLL)
                if heard is None:
                    # Quiet, or nobody is at the other end any more: a server that is gone closes no connection.
                    heard = await _answer(subscription)
                if isinstance(heard, list) and heard[0] == "message":
                    self._heard.set()


async def _answer(subscription: "PubSub") -> object:
    """What comes first after a PING. Raises TimeoutError when nothing does."""
    async with asyncio.timeout(ANSWER_SECONDS):
        await subscription.ping()
        return await subscription.parse_response(block=True)
