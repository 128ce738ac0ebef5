"""Publishing with confirms, many in flight. What is not confirmed was not published, as far as anybody knows.

Each exchange has a channel of its own, and is asked for before anything is published there: a missing one closes the
channel, and what is published in the moment before aiormq notes it ends the connection, with other teams' bells.

A bell that is not confirmed in time stays under way (`unconfirmed`): ringing it again writes nothing meanwhile.
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
from aios.adapters.rabbitmq.unconfirmed import Bell, Unconfirmed
from aios.errors import ServiceUnavailableError, UnroutableError
from aios.ports.broker import Message

CONFIRM_SECONDS = 10.0
UNWRITTEN_SECONDS = 1.0
"""How much longer a publish is waited for that could not even be written."""
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
        self._unconfirmed = Unconfirmed()

    async def publish(self, queue: str, message: Message) -> None:
        """Raises UnroutableError when no such queue exists, ServiceUnavailableError when nobody can tell."""
        bell, body = (queue, message.id), to_bytes(message)
        async with self._room:
            try:
                await self._once(bell, body)
            except ServiceUnavailableError as error:
                if isinstance(error.__cause__, TimeoutError):
                    raise  # it has waited long enough, and who blocks publishers goes on doing so
                # Once more over a new connection: a bell that rings twice harms nothing, a restart is noticed by none.
                await self._once(bell, body)

    async def _once(self, bell: Bell, body: bytes) -> None:
        queue, exchange = bell[0], exchange_of(bell[0])
        try:
            if bell in self._unconfirmed:
                with self._server.translated():
                    await self._unconfirmed.answered(bell, CONFIRM_SECONDS)
            else:
                channel = self._open(exchange) or await self._channel(exchange)
                with self._server.translated():
                    await self._write(channel, exchange, bell, body)
        except ServiceUnavailableError as error:
            raise _meaning(error, queue, self._server.address) from error.__cause__

    async def _write(self, channel: Channel, exchange: str, bell: Bell, body: bytes) -> None:
        wire_id = f"{getrandbits(128):032x}"
        loop = asyncio.get_running_loop()
        patience = loop.call_later(CONFIRM_SECONDS, self._unconfirmed.keep, bell, channel, wire_id)
        try:
            # Without `wait` nobody else waits until our bytes have left.
            await channel.basic_publish(
                body,
                exchange=exchange,
                routing_key=bell[0],
                properties=Basic.Properties(delivery_mode=PERSISTENT, message_id=wire_id),
                mandatory=True,
                timeout=CONFIRM_SECONDS + UNWRITTEN_SECONDS,
                wait=False,
            )
        finally:
            patience.cancel()

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
