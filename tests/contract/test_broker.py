"""Broker and BrokerAdmin: nothing confirmed is lost, nothing held by the dead stays with them."""

import asyncio
import time
from pathlib import Path
from random import Random

import pytest

from aios.adapters.rabbitmq import consuming
from aios.errors import UnroutableError
from aios.ports.broker import Broker, Delivery, Message
from tests.contract.implementations import DELIVERY_LIMIT, HASTY_BROKERS, BrokerClient, Implementation
from tests.contract.processes import actor, actors
from tests.contract.waiting import eventually
from tests.twins.unruly_broker import UnrulyBroker


async def _drain(broker: Broker, *, least: int = 0) -> list[str]:
    """What is there: so many are waited for, and then for a moment whether one more comes."""
    ids: list[str] = []
    async with broker.consume("work") as consumer:
        while delivery := await consumer.receive(30 if len(ids) < least else 0.3):
            await delivery.ack()
            ids.append(delivery.message.id)
    return ids


def _messages(count: int) -> list[Message]:
    return [Message(f"m{number}", {"run": "r/1", "attempt": number}) for number in range(count)]


async def _received(delivery: Delivery | None) -> Delivery:
    assert delivery is not None
    return delivery


async def _depth(broker: BrokerClient, waiting: int) -> None:
    """A server takes back what a closed channel held in its own time, which is a moment."""

    async def there() -> bool:
        return await broker.queues() == {"work": waiting}

    await eventually(there)


async def _dead(broker: BrokerClient, message: Message) -> None:
    """A server moves them in its own time, too."""

    async def there() -> bool:
        return await broker.dead_letters("work") == (message,)

    await eventually(there)


async def test_published_message_is_delivered_as_it_was(broker: BrokerClient) -> None:
    message = Message("run:x/1", {"run": "default/ü/abc", "attempt": 3})
    await broker.publish("work", message)
    async with broker.consume("work") as consumer:
        delivery = await _received(await consumer.receive(30))
        assert delivery.message == message
        assert not delivery.redelivered
        await delivery.ack()
    assert await _drain(broker) == []


async def test_unroutable_publish_is_not_confirmed(broker: BrokerClient) -> None:
    with pytest.raises(UnroutableError, match="nobody"):
        await broker.publish("nobody", Message("m", {}))
    with pytest.raises(UnroutableError, match="nobody"):
        async with broker.consume("nobody"):
            pass


async def test_receive_waits_and_gives_up_in_time(broker: BrokerClient) -> None:
    async with broker.consume("work") as consumer, asyncio.timeout(30):
        assert await consumer.receive(0.05) is None
        waiting = asyncio.create_task(consumer.receive())
        await asyncio.sleep(0)
        await broker.publish("work", Message("late", {}))
        assert (await _received(await waiting)).message.id == "late"


async def test_one_receive_takes_one_message_and_leaves_the_rest_to_others(broker: BrokerClient) -> None:
    for message in _messages(3):
        await broker.publish("work", message)
    async with broker.consume("work") as busy, broker.consume("work") as idle:
        first = await _received(await busy.receive(30))
        others = [await _received(await idle.receive(30)) for _ in range(2)]
        assert {first.message.id, *(one.message.id for one in others)} == {"m0", "m1", "m2"}


async def test_receive_that_was_cancelled_or_timed_out_loses_nothing(
    broker: BrokerClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What comes too late for its call is given back after a moment, which a busy machine may need for the next call.
    monkeypatch.setattr(consuming, "GRACE_SECONDS", 30.0)
    random = Random(1)
    async with broker.consume("work") as consumer:
        for number in range(60):
            waiting = asyncio.create_task(consumer.receive(0.002 if number % 2 else None))
            await asyncio.sleep(0)
            publishing = asyncio.create_task(broker.publish("work", Message(f"m{number}", {})))
            await asyncio.sleep(random.random() * 0.004)
            waiting.cancel()
            (answer,) = await asyncio.gather(waiting, return_exceptions=True)
            await publishing
            if isinstance(answer, BaseException) or answer is None:
                answer = await _received(await consumer.receive(30))
            assert answer.message.id == f"m{number}"
            assert not answer.redelivered, "it was in nobody's hand before"
            await answer.ack()
    assert await broker.queues() == {"work": 0}


async def test_message_comes_back_when_its_consumer_leaves(broker: BrokerClient) -> None:
    await broker.publish("work", Message("m", {}))
    async with broker.consume("work") as consumer:
        await _received(await consumer.receive(30))
        assert await broker.queues() == {"work": 0}
    await _depth(broker, 1)
    async with broker.consume("work") as consumer:
        delivery = await _received(await consumer.receive(30))
        assert delivery.redelivered
        await delivery.nack(requeue=True)
        delivery = await _received(await consumer.receive(30))
        await delivery.ack()
    assert await broker.queues() == {"work": 0}


async def test_settling_too_late_or_twice_changes_nothing(broker: BrokerClient) -> None:
    await broker.publish("work", Message("m", {}))
    async with broker.consume("work") as consumer:
        late = await _received(await consumer.receive(30))
    async with broker.consume("work") as consumer:
        delivery = await _received(await consumer.receive(30))
        await late.ack()
        await late.nack(requeue=False)
        await delivery.nack(requeue=True)
        await delivery.ack()
        await delivery.nack(requeue=False)
    await _depth(broker, 1)
    assert await broker.dead_letters("work") == ()
    assert await _drain(broker, least=1) == ["m"]


async def test_settling_after_the_broker_was_closed_changes_nothing(
    brokers: Implementation[BrokerClient], broker: BrokerClient, tmp_path: Path
) -> None:
    await broker.publish("work", Message("m", {}))
    other = brokers.open(tmp_path)
    async with other.consume("work") as consumer:
        delivery = await _received(await consumer.receive(30))
        waiting = asyncio.create_task(consumer.receive())
        await asyncio.sleep(0)
        await other.close()
        await delivery.ack()
        async with asyncio.timeout(30):
            assert await waiting is None
            assert await consumer.receive() is None
    assert await _drain(broker, least=1) == ["m"]


async def test_rejected_message_goes_to_the_dead_letters(broker: BrokerClient) -> None:
    message = Message("bad", {"why": "poison"})
    await broker.publish("work", message)
    async with broker.consume("work") as consumer:
        await (await _received(await consumer.receive(30))).nack(requeue=False)
        assert await consumer.receive(0.05) is None
    await _dead(broker, message)
    assert await broker.queues() == {"work": 0}


async def test_message_that_nobody_settles_goes_to_the_dead_letters(broker: BrokerClient) -> None:
    await broker.publish("work", Message("poison", {}))
    for delivery in range(DELIVERY_LIMIT):
        async with broker.consume("work") as consumer:
            assert (await _received(await consumer.receive(30))).redelivered == (delivery > 0)
    async with broker.consume("work") as consumer:
        assert await consumer.receive(0.05) is None
    await _dead(broker, Message("poison", {}))


async def test_topology_may_be_ensured_and_removed_again_and_again(broker: BrokerClient) -> None:
    await broker.publish("work", Message("kept", {}))
    await broker.ensure_queue("work")
    await broker.ensure_queue("other")
    assert await broker.queues() == {"other": 0, "work": 1}
    for _ in range(2):
        await broker.delete_queue("work")
    assert await broker.queues() == {"other": 0}
    with pytest.raises(UnroutableError):
        await broker.publish("work", Message("m", {}))
    await broker.ensure_queue("work")
    assert await _drain(broker) == []


async def test_many_tasks_publish_and_consume_each_message_once(broker: BrokerClient) -> None:
    messages = _messages(300)
    seen: list[str] = []

    async def work() -> None:
        async with broker.consume("work") as consumer:
            while len(seen) < len(messages):
                if delivery := await consumer.receive(1):
                    await delivery.ack()
                    seen.append(delivery.message.id)

    async with asyncio.timeout(60), asyncio.TaskGroup() as group:
        for _ in range(20):
            group.create_task(work())
        for message in messages:
            group.create_task(broker.publish("work", message))
    assert sorted(seen) == sorted(message.id for message in messages)
    assert await _drain(broker) == []


async def test_many_processes_consume_each_message_once(
    brokers: Implementation[BrokerClient], broker: BrokerClient, tmp_path: Path
) -> None:
    messages = _messages(200)
    with actors(8, "settle_messages", brokers, tmp_path) as running:
        await asyncio.gather(*(broker.publish("work", message) for message in messages))
        for number in range(8):
            await broker.publish("work", Message(f"stop {number}", {"stop": True}))
        seen = [id_ for process in running for id_ in process.rest()]
    assert sorted(seen) == sorted(message.id for message in messages)
    assert await broker.queues() == {"work": 0}


async def test_what_a_killed_process_held_comes_back_in_time(
    brokers: Implementation[BrokerClient], broker: BrokerClient, tmp_path: Path
) -> None:
    for message in _messages(2):
        await broker.publish("work", message)
    with actor("hold_messages", brokers, tmp_path, "2") as process:
        assert {process.line(), process.line()} == {"m0", "m1"}
        async with broker.consume("work") as consumer:
            assert await consumer.receive(0.1) is None, "they are in a living hand"
            process.kill()
            killed = time.monotonic()
            for _ in range(2):
                delivery = await _received(await consumer.receive(broker.redelivery_seconds))
                assert delivery.redelivered
                await delivery.ack()
            assert time.monotonic() - killed < broker.redelivery_seconds


async def test_what_a_frozen_process_holds_comes_back_in_time_and_its_settlement_too_late(
    brokers: Implementation[BrokerClient], broker: BrokerClient, tmp_path: Path
) -> None:
    await broker.publish("work", Message("m", {}))
    hasty = HASTY_BROKERS.get(brokers.name, brokers.open)(tmp_path)
    with actor("hold_messages", brokers, tmp_path, "1") as process:
        assert process.line() == "m"
        process.freeze()
        frozen = time.monotonic()
        async with hasty.consume("work") as consumer:
            delivery = await _received(await consumer.receive(60))
            assert delivery.redelivered
            assert time.monotonic() - frozen < 2 * hasty.redelivery_seconds, "twice the time on a busy machine"
            process.thaw()
            process.kill()
            assert await consumer.receive(1.5) is None, "its death takes nothing from the new hand"
            await delivery.ack()
    assert await broker.queues() == {"work": 0}
    await hasty.close()


async def test_unruly_broker_still_delivers_everything(broker: BrokerClient) -> None:
    unruly = UnrulyBroker(broker, Random(7))
    for message in _messages(40):
        await unruly.publish("work", message)
    seen = await _drain(unruly, least=40 + unruly.duplicated)
    assert set(seen) == {message.id for message in _messages(40)}
    assert len(seen) == 40 + unruly.duplicated > 40
    first_seen = list(dict.fromkeys(seen))
    assert first_seen != [message.id for message in _messages(40)]
