"""A user who may log in and not read: told by queue and right, and let in again when somebody gave it."""

import asyncio
import gc
import logging
from collections.abc import AsyncIterator
from urllib.parse import quote

import pytest

from aios.adapters.rabbitmq.broker import RabbitBroker
from aios.adapters.rabbitmq.topology import RabbitAdmin
from aios.errors import CredentialsRefusedError
from aios.ports.broker import Message
from aios.wiring.services import with_credentials
from tests.contract.waiting import eventually
from tests.servers.rabbitmq import RabbitProcess, ask

QUEUE = "aios.default.team.worker"
SAID = rf"take messages from the queue {QUEUE}: give it the right `read`"


class Blind:
    """A user of one vhost."""

    def __init__(self, rabbitmq: RabbitProcess, vhost: str) -> None:
        self._admin, self._vhost = rabbitmq.admin_url, vhost.rpartition("/")[2]
        self.name = f"blind-{self._vhost}"
        self.url = with_credentials(vhost, self.name, "pw")
        ask(self._admin, "PUT", f"users/{self.name}", {"password": "pw", "tags": ""})
        self.may_read("^$")

    def may_read(self, queues: str) -> None:
        rights = {"configure": "^$", "write": "^$", "read": queues}
        ask(self._admin, "PUT", f"permissions/{quote(self._vhost, safe='')}/{self.name}", rights)

    def remove(self) -> None:
        ask(self._admin, "DELETE", f"users/{self.name}")


@pytest.fixture
async def blind(rabbitmq: RabbitProcess, vhost: str) -> AsyncIterator[Blind]:
    made = Blind(rabbitmq, vhost)
    yield made
    made.remove()


async def test_who_may_not_read_is_told_of_the_queue_and_the_right(
    admin: RabbitAdmin, broker: RabbitBroker, blind: Blind, caplog: pytest.LogCaptureFixture
) -> None:
    await broker.publish(QUEUE, Message("m", {}))
    refused = RabbitBroker(blind.url)
    gc.collect()  # what other tests have left is told of now, and not as if it were ours
    caplog.clear()
    with caplog.at_level(logging.WARNING):
        async with refused.consume(QUEUE) as consumer:
            for _ in range(2):
                with pytest.raises(CredentialsRefusedError, match=SAID):
                    await consumer.receive(5)
        for _ in range(2):  # nobody who was refused is let in, to say that it works, before it does
            with pytest.raises(CredentialsRefusedError, match=SAID):
                async with refused.consume(QUEUE):
                    raise AssertionError("it is let in")
    assert not caplog.records
    blind.may_read(".*")
    for _ in range(2):
        async with refused.consume(QUEUE) as consumer:
            delivery = await consumer.receive(5)
            assert delivery is not None
            await delivery.nack(requeue=True)

    async def back() -> bool:
        return await admin.queues() == {QUEUE: 1}

    await eventually(back)
    await refused.close()


async def test_everybody_who_waits_is_told(admin: RabbitAdmin, blind: Blind) -> None:
    del admin
    refused = RabbitBroker(blind.url)
    async with refused.consume(QUEUE) as consumer:
        answers = await asyncio.gather(consumer.receive(), consumer.receive(), return_exceptions=True)
    assert [type(answer) for answer in answers] == [CredentialsRefusedError] * 2
    await refused.close()
