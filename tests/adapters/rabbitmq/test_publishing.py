"""Channels of exchanges: as many as are in use, however many teams come and go."""

from dataclasses import dataclass, field
from typing import Any

import pytest

from aios.adapters.rabbitmq import publishing
from aios.adapters.rabbitmq.connection import RabbitServer
from aios.adapters.rabbitmq.publishing import Publisher
from aios.ports.broker import Message


@dataclass
class Channel:
    """Confirms at once what it is given."""

    confirmations: dict[int, object] = field(default_factory=dict)
    is_closed: bool = False
    published: int = 0

    async def exchange_declare(self, exchange: str, **_: Any) -> None:
        """It is there."""

    async def basic_publish(self, body: bytes, **_: Any) -> None:
        self.published += 1

    async def close(self) -> None:
        self.is_closed = True


class Server(RabbitServer):
    """Gives out channels without a connection."""

    def __init__(self) -> None:
        super().__init__("amqp://127.0.0.1:1/", purpose="tests")
        self.opened: list[Channel] = []

    async def channel(self, *, confirms: bool = False) -> Any:
        self.opened.append(Channel())
        return self.opened[-1]


async def test_channels_of_teams_that_are_long_gone_are_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publishing, "MOST_CHANNELS", 2)
    server = Server()
    publisher = Publisher(server)

    async def ring(team: str) -> None:
        await publisher.publish(f"aios.default.{team}.worker", Message("m", {}))

    for team in ("a", "b", "a", "c"):
        await ring(team)
    assert [channel.is_closed for channel in server.opened] == [False, True, False], "b was used longest ago"
    await ring("b")
    await ring("c")
    assert [channel.published for channel in server.opened] == [2, 1, 2, 1]


async def test_a_channel_that_waits_for_a_confirm_stays_open(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publishing, "MOST_CHANNELS", 1)
    server = Server()
    publisher = Publisher(server)
    await publisher.publish("aios.default.a.worker", Message("m", {}))
    server.opened[0].confirmations[2] = object()
    await publisher.publish("aios.default.b.worker", Message("m", {}))
    assert [channel.is_closed for channel in server.opened] == [False, False], "nor is the one closed that is wanted"
