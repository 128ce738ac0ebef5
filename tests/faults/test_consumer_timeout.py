"""A task that takes longer than RabbitMQ lets a message go unacknowledged: the claim is what is acknowledged, so the
task is done once. Whoever acknowledges a message when the work is done gets it again for ever."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from aios.adapters.rabbitmq.broker import RabbitBroker
from aios.adapters.rabbitmq.topology import RabbitAdmin
from aios.naming import digest, engine_queue, queue_name
from aios.ports.broker import Message
from aios.ports.chat_model import ChatRequest
from aios.tasks.attempt_events import Claimed
from tests.agents.stage import DEVELOPER, RUN, FakeModel, Stage, reply, staged
from tests.contract.waiting import eventually
from tests.servers.rabbitmq import RabbitProcess, made_vhost

QUEUE = queue_name("default", "software", DEVELOPER.name)
TIMEOUT_SECONDS, LOOK_SECONDS = 2.0, 0.3
"""RabbitMQ's own are 30 minutes, looked at once a minute."""
LONG = 4 * (TIMEOUT_SECONDS + LOOK_SECONDS)


@contextmanager
def impatient(server: RabbitProcess) -> Iterator[None]:
    """For channels that are opened meanwhile: the node says so to nobody."""
    _set(server, consumer_timeout=TIMEOUT_SECONDS, channel_tick_interval=LOOK_SECONDS)
    try:
        yield
    finally:
        _set(server, consumer_timeout=1_800.0, channel_tick_interval=60.0)


def _set(server: RabbitProcess, **seconds: float) -> None:
    terms = [f"application:set_env(rabbit, {name}, {1_000 * value:.0f})" for name, value in seconds.items()]
    server.control("eval", f"{', '.join(terms)}.")


@dataclass(frozen=True, slots=True)
class Rabbit:
    """A vhost of the test's own, with the queues of a worker and an engine."""

    broker: RabbitBroker
    admin: RabbitAdmin

    async def is_empty(self) -> bool:
        """Whether nothing waits in the worker's queue."""
        return (await self.admin.queues())[QUEUE] == 0


@pytest.fixture
async def rabbit(rabbitmq: RabbitProcess, tmp_path: Path) -> AsyncIterator[Rabbit]:
    vhost = made_vhost(rabbitmq.url, rabbitmq.admin_url, digest(str(tmp_path))[:12])
    with impatient(rabbitmq):
        broker, admin = RabbitBroker(vhost), RabbitAdmin(vhost, rabbitmq.admin_url)
        for queue in (QUEUE, engine_queue("default")):
            await admin.ensure_queue(queue)
        yield Rabbit(broker, admin)
        await broker.close()
        await admin.close()


async def test_a_task_longer_than_the_brokers_patience_is_done_once(rabbit: Rabbit, tmp_path: Path) -> None:
    async def think(_: ChatRequest) -> None:
        await asyncio.sleep(LONG)

    model = FakeModel([reply("It is done.")], during=think)
    async with staged(tmp_path) as stage:
        stage.ports = replace(stage.ports, broker=rabbit.broker)
        await stage.dispatch()
        async with stage.running(stage.worker(model)):
            await rabbit.broker.publish(QUEUE, _bell(stage))
            async with rabbit.broker.consume(engine_queue("default")) as engine:
                ended = await engine.receive(LONG + 20)
                assert ended is not None, await stage.kinds()
                await ended.ack()
            claims = [event for event in await stage.events() if isinstance(event, Claimed)]
            assert (len(claims), len(model.asked)) == (1, 1)
            await eventually(rabbit.is_empty)
            # The same worker goes on with the next: its channel was not closed meanwhile.
            model.during = _at_once
            await stage.dispatch(attempt=2)
            await rabbit.broker.publish(QUEUE, _bell(stage, attempt=2))
            await stage.until(lambda: _has_ended(stage))
        assert len(model.asked) == 2


async def test_who_acknowledges_a_message_when_the_work_is_done_gets_it_again(rabbit: Rabbit) -> None:
    """What the test above would see if the acknowledgement did not follow the claim."""
    await rabbit.broker.publish(QUEUE, Message("bell", {}))
    async with rabbit.broker.consume(QUEUE) as consumer:
        assert await consumer.receive(10) is not None
        assert await consumer.receive(LONG + 10) is None, "its channel is closed"
    async with rabbit.broker.consume(QUEUE) as consumer:
        again = await consumer.receive(10)
        assert again is not None
        assert again.redelivered
        await again.ack()


def _bell(stage: Stage, *, attempt: int = 1) -> Message:
    return Message(f"bell-{attempt}", {"run": RUN, "task": "implement", "attempt": attempt, "seq": 1 + attempt})


async def _at_once(_: ChatRequest) -> None:
    """It does not think."""


async def _has_ended(stage: Stage) -> bool:
    return "Ended" in await stage.kinds(attempt=2)
