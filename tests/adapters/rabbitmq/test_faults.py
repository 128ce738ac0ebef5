"""A broker that dies, blocks or loses a connection: nothing that was confirmed is lost, nothing of the work ends."""

import asyncio
import re
import time
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import quote

import pytest
from aiormq.channel import Channel

from aios.adapters.rabbitmq import publishing
from aios.adapters.rabbitmq.broker import RabbitBroker
from aios.adapters.rabbitmq.connection import RabbitServer
from aios.adapters.rabbitmq.probe import probe
from aios.adapters.rabbitmq.topology import RabbitAdmin
from aios.errors import ServiceUnavailableError, UnroutableError
from aios.ports.broker import Message
from tests.contract.waiting import eventually
from tests.servers.availability import ServerUnavailableError, skip_or_fail
from tests.servers.rabbitmq import RabbitProcess, ask

QUEUE = "aios.default.team.worker"


async def _publish_all(broker: RabbitBroker, count: int, confirmed: list[str]) -> None:
    """Publish, and add the ids that were confirmed."""

    async def one(number: int) -> None:
        try:
            await broker.publish(QUEUE, Message(f"m{number}", {}))
            confirmed.append(f"m{number}")
        except ServiceUnavailableError:
            return

    await asyncio.gather(*(one(number) for number in range(count)))


@pytest.mark.timeout(400)
async def test_a_broker_that_is_killed_under_load_loses_nothing_that_was_confirmed(tmp_path: Path) -> None:
    try:
        server = RabbitProcess(tmp_path)
    except ServerUnavailableError as error:
        skip_or_fail(error)
    broker, admin = RabbitBroker(server.url), RabbitAdmin(server.url, server.admin_url)
    try:
        await admin.ensure_queue(QUEUE)
        # Until then 3.10 forgets a quorum queue, and all that was confirmed in it, when the node is killed.
        await eventually(lambda: _is_registered(tmp_path))
        confirmed: list[str] = []
        publishing_all = asyncio.create_task(_publish_all(broker, 3000, confirmed))
        await eventually(lambda: asyncio.sleep(0, bool(confirmed)))
        await asyncio.to_thread(server.kill)
        await asyncio.wait_for(publishing_all, 60)
        with pytest.raises(ServiceUnavailableError, match="RabbitMQ at"):
            await broker.publish(QUEUE, Message("while it is away", {}))
        await asyncio.to_thread(server.start)
        assert confirmed
        seen: set[str] = set()
        while not seen.issuperset(confirmed):  # a queue that recovers may send its first consumers away
            async with asyncio.timeout(150), broker.consume(QUEUE) as consumer:
                while delivery := await consumer.receive(3):
                    seen.add(delivery.message.id)
                    await delivery.ack()
    finally:
        await broker.close()
        await admin.close()
        server.stop()


async def test_a_lost_connection_gives_the_message_to_another_and_cancels_no_work(
    broker: RabbitBroker, admin: RabbitAdmin, rabbitmq: RabbitProcess, vhost: str
) -> None:
    await broker.publish(QUEUE, Message("m", {}))
    async with broker.consume(QUEUE) as consumer:
        delivery = await consumer.receive(5)
        assert delivery is not None
        waiting = asyncio.create_task(consumer.receive())
        await asyncio.to_thread(_cut, rabbitmq, vhost, "aios consuming")
        assert await asyncio.wait_for(waiting, 10) is None, "the consumer is closed"
        await delivery.ack()  # too late; no error
    async with broker.consume(QUEUE) as consumer:
        again = await consumer.receive(10)
        assert again is not None
        assert again.redelivered
        await again.ack()
    await admin.delete_queue(QUEUE)


async def test_publishing_goes_on_after_its_connection_was_cut(
    broker: RabbitBroker, admin: RabbitAdmin, rabbitmq: RabbitProcess, vhost: str
) -> None:
    await broker.publish(QUEUE, Message("a", {}))
    await asyncio.to_thread(_cut, rabbitmq, vhost, "aios publishing")
    await broker.publish(QUEUE, Message("b", {}))
    assert await admin.queues() == {QUEUE: 2}


async def test_a_blocked_broker_keeps_publishers_waiting_and_no_acknowledgement(
    broker: RabbitBroker, admin: RabbitAdmin, rabbitmq: RabbitProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        await broker.publish(QUEUE, Message(f"m{number}", {}))
    monkeypatch.setattr(publishing, "CONFIRM_SECONDS", 1.0)
    async with broker.consume(QUEUE) as consumer:
        first = await consumer.receive(5)
        assert first is not None
        await asyncio.to_thread(rabbitmq.control, "set_vm_memory_high_watermark", "absolute", "1MB")
        try:

            async def it_blocks() -> bool:
                try:
                    await broker.publish(QUEUE, Message("blocked", {}))
                except ServiceUnavailableError as error:
                    assert "blocks publishers" in str(error)
                    return True
                return False

            await eventually(it_blocks)
            await first.ack()
            second = await consumer.receive(5)
            assert second is not None
            await second.ack()

            async def doctor_sees_it() -> bool:
                found = await probe(rabbitmq.url, rabbitmq.admin_url)
                return any("memory" in problem for problem in found.problems)

            await eventually(doctor_sees_it)
        finally:
            await asyncio.to_thread(rabbitmq.control, "set_vm_memory_high_watermark", "0.6")
    await eventually(lambda: _published(broker))


async def test_a_missing_queue_of_one_team_does_not_disturb_the_bells_of_another(
    broker: RabbitBroker, admin: RabbitAdmin, monkeypatch: pytest.MonkeyPatch
) -> None:
    close = Channel._on_close

    async def late(self: Channel, exc: BaseException | None = None) -> None:
        """The moment between the server's closing of a channel and aiormq's notice, made longer."""
        await asyncio.sleep(0.05)
        await close(self, exc)

    monkeypatch.setattr(Channel, "_on_close", late)

    async def unroutable(number: int) -> None:
        with pytest.raises(UnroutableError, match=r"aios\.default\.ghosts"):
            await broker.publish(f"aios.default.ghosts.{number}", Message("x", {}))

    bells = [broker.publish(QUEUE, Message(f"m{number}", {})) for number in range(100)]
    await asyncio.gather(*bells, *(unroutable(number) for number in range(20)))
    with pytest.raises(UnroutableError):
        await broker.publish("aios.default.team.nobody", Message("x", {}))
    assert await admin.queues() == {QUEUE: 100}


async def test_the_number_of_a_closed_channel_is_not_taken_at_once(rabbitmq: RabbitProcess) -> None:
    server = RabbitServer(rabbitmq.url, purpose="numbers")
    first, second = await server.channel(), await server.channel()
    await second.close()
    third = await server.channel()
    assert len({first.number, second.number, third.number}) == 3
    await server.close()


async def test_deleting_the_queue_ends_its_consumers(broker: RabbitBroker, admin: RabbitAdmin) -> None:
    async with broker.consume(QUEUE) as consumer:
        waiting = asyncio.create_task(consumer.receive())
        await asyncio.sleep(0.1)
        await admin.delete_queue(QUEUE)
        assert await asyncio.wait_for(waiting, 10) is None
    with pytest.raises(UnroutableError):
        async with broker.consume(QUEUE):
            pass


async def test_wrong_credentials_are_told_without_being_shown(rabbitmq: RabbitProcess) -> None:
    broker = RabbitBroker(f"amqp://nobody:hunter2@127.0.0.1:{rabbitmq.port}/")
    with pytest.raises(ServiceUnavailableError, match="AIOS_BROKER_URL") as refused:
        await broker.publish(QUEUE, Message("m", {}))
    assert "hunter2" not in str(refused.value)
    await broker.close()


async def _is_registered(folder: Path) -> bool:
    """Whether the node's own list of quorum queues, which it writes a moment later, has ours."""
    ours = re.compile(re.escape(QUEUE).encode() + rb"(?!\.dead)")
    return any(ours.search(found.read_bytes()) for found in folder.glob("data/*/quorum/*/names.dets"))


async def _published(broker: RabbitBroker) -> bool:
    try:
        await broker.publish(QUEUE, Message("after", {}))
    except ServiceUnavailableError:
        return False
    return True


def _cut(rabbitmq: RabbitProcess, vhost: str, name: str) -> None:
    """Close every connection of that name to the vhost, as an operator can. The listing is seconds late: ask until it
    is there."""
    ours = vhost.rpartition("/")[2]
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        found = [
            one["name"]
            for one in ask(rabbitmq.admin_url, "GET", "connections")
            if one.get("vhost") == ours and one.get("client_properties", {}).get("connection_name") == name
        ]
        closed = [connection for connection in found if _closed(rabbitmq, connection)]
        if closed:
            return
        time.sleep(0.2)
    raise AssertionError(f"no connection named {name}")


def _closed(rabbitmq: RabbitProcess, connection: str) -> bool:
    """Whether it was there to be closed: the listing still has those that have just ended."""
    try:
        ask(rabbitmq.admin_url, "DELETE", f"connections/{quote(connection, safe='')}")
    except HTTPError as error:
        if error.code != 404:
            raise
        return False
    return True
