"""Publishing with confirms, many in flight. What is not confirmed was not published, as far as anybody knows.

Each exchange has a channel of its own, and is asked for before anything is published there: a missing one closes the
channel, and what is published in the moment before aiormq notes it ends the connection, with other teams' bells.
"""

import asyncio
from collections import defaultdict
from random import getrandbits

import aiormq
from aiormq.channel import Channel
from pamqp.commands import Basic

from aios.adapters.rabbitmq.connection import RabbitServer
from aios.adapters.rabbitmq.doorbells import to_bytes
from aios.adapters.rabbitmq.layout import exchange_of
from aios.errors import ServiceUnavailableError, UnroutableError
from aios.ports.broker import Message

CONFIRM_SECONDS = 10.0
IN_FLIGHT = 512
"""Unconfirmed at the same time from one event loop; further ones wait for a confirm."""
MOST_CHANNELS = 128
"""Kept open for one event loop; servers allow about 2,000 a connection, and teams come and go."""
PERSISTENT = 2


class Publisher:
    """For one event loop."""

    def __init__(self, server: RabbitServer) -> None:
        self._server = server
        self._channels: dict[str, Channel] = {}
        self._opening: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._room = asyncio.Semaphore(IN_FLIGHT)

    async def publish(self, queue: str, message: Message) -> None:
        """Raises UnroutableError when no such queue exists, ServiceUnavailableError when nobody can tell."""
        body, exchange = to_bytes(message), exchange_of(queue)
        async with self._room:
            try:
                await self._once(exchange, queue, body)
            except ServiceUnavailableError as error:
                if isinstance(error.__cause__, TimeoutError):
                    raise  # it has waited long enough, and who blocks publishers goes on doing so
                # Once more over a new connection: a bell that rings twice harms nothing, a restart is noticed by none.
                await self._once(exchange, queue, body)

    async def _once(self, exchange: str, queue: str, body: bytes) -> None:
        properties = Basic.Properties(delivery_mode=PERSISTENT, message_id=f"{getrandbits(128):032x}")
        try:
            channel = self._open(exchange) or await self._channel(exchange)
            with self._server.translated():
                # `timeout` covers the confirm; without `wait` nobody else waits until our bytes have left.
                await channel.basic_publish(
                    body,
                    exchange=exchange,
                    routing_key=queue,
                    properties=properties,
                    mandatory=True,
                    timeout=CONFIRM_SECONDS,
                    wait=False,
                )
        except ServiceUnavailableError as error:
            raise _meaning(error, queue, self._server.address) from error.__cause__

    def _open(self, exchange: str) -> Channel | None:
        channel = self._channels.pop(exchange, None)
        if channel is None or channel.is_closed:
            return None
        self._channels[exchange] = channel  # last in the order in which they are closed
        return channel

    async def _channel(self, exchange: str) -> Channel:
        async with self._opening[exchange]:
            channel = self._open(exchange)
            if channel is None:
                channel = await self._server.channel(confirms=True)
                with self._server.translated():
                    await channel.exchange_declare(exchange, passive=True, timeout=CONFIRM_SECONDS)
                await self._close_idle()
                self._channels[exchange] = channel
            return channel

    async def _close_idle(self) -> None:
        """Make room for one more: close those that were used longest ago and wait for no confirm."""
        surplus = max(0, len(self._channels) + 1 - MOST_CHANNELS)
        idle = [exchange for exchange, channel in self._channels.items() if not channel.confirmations]
        for exchange in idle[:surplus]:
            channel = self._channels.pop(exchange)
            self._opening.pop(exchange, None)
            await channel.close()


def _meaning(error: ServiceUnavailableError, queue: str, address: str) -> Exception:
    match error.__cause__:
        case aiormq.exceptions.PublishError() | aiormq.exceptions.ChannelNotFoundEntity():
            return UnroutableError(f"no queue {queue} at RabbitMQ {address}: is the team whose member it is applied?")
        case aiormq.exceptions.DeliveryError():
            return ServiceUnavailableError(f"RabbitMQ at {address} refused a message for {queue}: the queue is full")
        case TimeoutError():
            return ServiceUnavailableError(
                f"RabbitMQ at {address} did not confirm a message for {queue} within {CONFIRM_SECONDS:.0f} s: it "
                "blocks publishers when memory or disk run low (`rabbitmqctl list_alarms`), or is overloaded"
            )
        case _:
            return error
