"""A broker that blocks publishers and is rung again and again: each bell is delivered once when it lets them."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from aios.adapters.rabbitmq import publishing
from aios.adapters.rabbitmq.broker import RabbitBroker
from aios.adapters.rabbitmq.publishing import Publisher
from aios.adapters.rabbitmq.topology import RabbitAdmin
from aios.errors import ServiceUnavailableError, UnroutableError
from aios.ports.broker import Message
from tests.contract.waiting import eventually
from tests.servers.rabbitmq import RabbitProcess

QUEUE, OTHER = "aios.default.team.worker", "aios.default.team.writer"
BELL = Message("bell", {"run": "default/p/1"})


@asynccontextmanager
async def blocked(broker: RabbitBroker, rabbitmq: RabbitProcess) -> AsyncIterator[None]:
    """With an alarm that the broker has acted upon."""
    await asyncio.to_thread(rabbitmq.control, "set_vm_memory_high_watermark", "absolute", "1MB")
    try:
        await eventually(lambda: _fails(lambda: broker.publish(QUEUE, Message("probe", {}))))
        yield
    finally:
        await asyncio.to_thread(rabbitmq.control, "set_vm_memory_high_watermark", "0.6")


async def _fails(work: Callable[[], Awaitable[None]]) -> bool:
    try:
        await work()
    except ServiceUnavailableError as error:
        assert "blocks publishers" in str(error)
        return True
    return False


async def _delivered(broker: RabbitBroker, *expected: str) -> Counter[str]:
    """How often each bell comes: those that must come are waited for long, those that must not only a little."""
    found: Counter[str] = Counter()
    async with broker.consume(QUEUE) as consumer:
        while delivery := await consumer.receive(0.5 if found.keys() >= set(expected) else 30):
            found[delivery.message.id] += 1
            await delivery.ack()
    return found


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publishing, "CONFIRM_SECONDS", 0.5)


@pytest.mark.usefixtures("impatient", "admin")
async def test_a_bell_that_is_rung_again_while_the_broker_blocks_is_delivered_once(
    broker: RabbitBroker, rabbitmq: RabbitProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with blocked(broker, rabbitmq):
        for _ in range(3):
            assert await _fails(lambda: broker.publish(QUEUE, BELL))
        assert await _fails(lambda: broker.publish(QUEUE, Message("another", {})))
        monkeypatch.setattr(publishing, "CONFIRM_SECONDS", 60.0)
        waiting, given_up = (asyncio.create_task(broker.publish(QUEUE, BELL)) for _ in range(2))
        await asyncio.sleep(0.1)
        given_up.cancel()
        await asyncio.wait({given_up})
        assert given_up.cancelled()
    await asyncio.wait_for(waiting, 30)
    delivered = await _delivered(broker, "bell", "another")
    assert (delivered["bell"], delivered["another"]) == (1, 1)
    await broker.publish(QUEUE, BELL)
    assert (await _delivered(broker, "bell"))["bell"] == 1, "what was settled is rung anew"


async def test_a_bell_whose_queue_went_while_the_broker_blocked_is_told_to_who_rings_it_again(
    broker: RabbitBroker, admin: RabbitAdmin, rabbitmq: RabbitProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    await admin.ensure_queue(OTHER)
    await broker.publish(OTHER, Message("opens the channel", {}))
    monkeypatch.setattr(publishing, "CONFIRM_SECONDS", 0.5)
    async with blocked(broker, rabbitmq):
        assert await _fails(lambda: broker.publish(OTHER, BELL))
        await admin.delete_queue(OTHER)  # the exchange stays, with the other queue
        monkeypatch.setattr(publishing, "CONFIRM_SECONDS", 60.0)
        waiting = asyncio.create_task(broker.publish(OTHER, BELL))
        await asyncio.sleep(0.1)
    with pytest.raises(UnroutableError, match="writer"):
        await asyncio.wait_for(waiting, 30)


@pytest.mark.usefixtures("impatient", "admin")
async def test_what_is_under_way_goes_with_its_connection_and_is_rung_over_the_next(
    broker: RabbitBroker, rabbitmq: RabbitProcess
) -> None:
    async with blocked(broker, rabbitmq):
        assert await _fails(lambda: broker.publish(QUEUE, BELL))
        (publisher,) = broker._publishers.values()
        waiting = asyncio.create_task(broker.publish(QUEUE, BELL))
        await asyncio.sleep(0.1)
        assert _under_way(publisher) == {(QUEUE, "probe"), (QUEUE, "bell")}
        await broker._sending.close()
        assert await _fails(lambda: waiting), "over the next connection, which is blocked as well"
    await eventually(lambda: _rung(broker))
    await eventually(lambda: asyncio.sleep(0, not _under_way(publisher)))


def _under_way(publisher: Publisher) -> set[tuple[str, str]]:
    return set(publisher._unconfirmed._late)


async def _rung(broker: RabbitBroker) -> bool:
    try:
        await broker.publish(QUEUE, BELL)
    except ServiceUnavailableError:
        return False
    return True
