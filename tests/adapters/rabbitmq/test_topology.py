"""Queues of ours in a vhost that others use as well."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from aios.adapters.rabbitmq.broker import RabbitBroker
from aios.adapters.rabbitmq.connection import RabbitServer
from aios.adapters.rabbitmq.topology import RabbitAdmin
from aios.ports.broker import Message
from tests.contract.waiting import eventually
from tests.servers.rabbitmq import RabbitProcess, ask

OURS = "aios.default.team.worker"


@pytest.fixture
async def theirs(vhost: str, rabbitmq: RabbitProcess) -> AsyncIterator[tuple[str, ...]]:
    """Queues that only another connection may use, while it lasts, and one of everybody's."""
    server, name = RabbitServer(vhost, purpose="somebody else"), vhost.rpartition("/")[2]
    exclusive = ("somebody.else", "aios.aaa.locked", "aios.default.team.zzz")
    channel = await server.channel()
    for queue in exclusive:
        await channel.queue_declare(queue, exclusive=True)
    await channel.queue_declare("everybodys", durable=True)

    async def are_listed() -> bool:
        found = await asyncio.to_thread(ask, rabbitmq.admin_url, "GET", f"queues/{name}?columns=name")
        return {*exclusive, "everybodys"} <= {one["name"] for one in found}

    await eventually(are_listed)
    yield exclusive
    await server.close()


@pytest.mark.usefixtures("theirs")
async def test_queues_of_others_are_neither_counted_nor_in_the_way(admin: RabbitAdmin, broker: RabbitBroker) -> None:
    await admin.ensure_queue("aios.default.team.writer")
    await broker.publish(OURS, Message("m", {}))
    assert await admin.queues() == {OURS: 1, "aios.default.team.writer": 0}


async def test_what_is_not_ours_is_not_even_asked_for(
    admin: RabbitAdmin, theirs: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    count = admin._count

    async def counting(channel: object, queue: str) -> int | None:
        asked.append(queue)
        return await count(channel, queue)  # type: ignore[arg-type]

    monkeypatch.setattr(admin, "_count", counting)
    await admin.queues()
    assert asked == sorted((OURS, *(queue for queue in theirs if queue.startswith("aios."))))


async def test_many_queues_are_counted_over_one_channel(admin: RabbitAdmin, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(5):
        await admin.ensure_queue(f"aios.default.team.{number}")
    made, channel = [], admin._server.channel

    async def making() -> object:
        made.append(await channel())
        return made[-1]

    monkeypatch.setattr(admin._server, "channel", making)
    assert len(await admin.queues()) == 6
    assert len(made) == 1
