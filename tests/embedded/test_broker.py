"""What only this broker does: one pump a process, one life sign a process."""

import asyncio
import sqlite3
from pathlib import Path

import pytest

from aios.embedded.broker import BEAT_SECONDS, SqliteBroker
from aios.embedded.owners import Owners
from aios.ports.broker import Message
from tests.contract.implementations import BROKERS
from tests.contract.processes import actor
from tests.contract.waiting import eventually


async def test_hundred_who_wait_cost_one_transaction(tmp_path: Path) -> None:
    broker = SqliteBroker(tmp_path / "broker.db")
    await broker.ensure_queue("work")
    async with broker.consume("work") as consumer:
        waiting = [asyncio.create_task(consumer.receive(30)) for _ in range(100)]
        await asyncio.sleep(0)
        await asyncio.gather(*(broker.publish("work", Message(f"m{number}", {})) for number in range(100)))
        deliveries = await asyncio.gather(*waiting)
        assert len({delivery.message.id for delivery in deliveries if delivery}) == 100
        assert await broker.queues() == {"work": 0}
    assert await broker.queues() == {"work": 100}
    await broker.close()


async def test_killed_process_is_noticed_at_the_next_beat_not_after_the_freeze(tmp_path: Path) -> None:
    broker = SqliteBroker(tmp_path / "broker.db", frozen_after=1000.0)
    await broker.ensure_queue("work")
    await broker.publish("work", Message("m", {}))
    with actor("hold_messages", BROKERS[0], tmp_path, "1") as process:
        assert process.line() == "m"
        process.kill()
    async with broker.consume("work") as consumer:
        delivery = await consumer.receive(BEAT_SECONDS + 20)
    assert delivery is not None
    await broker.close()


async def test_live_process_keeps_what_it_holds_beyond_the_freeze(tmp_path: Path) -> None:
    holder = SqliteBroker(tmp_path / "broker.db", frozen_after=BEAT_SECONDS * 1.5)
    other = SqliteBroker(tmp_path / "broker.db", frozen_after=BEAT_SECONDS * 1.5)
    await holder.ensure_queue("work")
    await holder.publish("work", Message("m", {}))
    async with holder.consume("work") as mine, other.consume("work") as theirs:
        delivery = await mine.receive(5)
        assert delivery is not None
        assert await theirs.receive(BEAT_SECONDS * 3) is None
        await delivery.ack()
    assert await other.queues() == {"work": 0}
    await holder.close()
    await other.close()


async def test_who_waits_is_told_when_the_broker_breaks(tmp_path: Path) -> None:
    broker = SqliteBroker(tmp_path / "broker.db")
    await broker.ensure_queue("work")
    async with broker.consume("work") as consumer:
        waiting = asyncio.create_task(consumer.receive())
        await asyncio.sleep(0.1)
        outside = sqlite3.connect(tmp_path / "broker.db", timeout=10)
        outside.execute("INSERT INTO messages (queue, message, body) VALUES ('work', 'm', 'no JSON')")
        outside.commit()
        outside.close()
        async with asyncio.timeout(30):
            with pytest.raises(ValueError, match="Expecting value"):
                await waiting
            with pytest.raises(ValueError, match="Expecting value"):
                await consumer.receive()
    await broker.close()


async def test_nobody_who_waits_means_no_looking(tmp_path: Path) -> None:
    broker = SqliteBroker(tmp_path / "broker.db")
    await broker.ensure_queue("work")
    async with broker.consume("work") as consumer:
        assert await consumer.receive(0.01) is None

        async def pollers_have_ended() -> bool:
            return not [task for task in asyncio.all_tasks() if task.get_name() == "poll broker.db"]

        await broker.publish("work", Message("m", {}))
        await eventually(pollers_have_ended)
        assert (await broker.queues()) == {"work": 1}, "what nobody waits for is not taken"
    await broker.close()


def test_owner_that_left_or_was_never_there_is_dead(tmp_path: Path) -> None:
    one, other = (Owners(tmp_path, frozen_after=5) for _ in range(2))
    one.enter()
    other.enter()
    assert one.alive(other.me)
    assert one.alive(one.me)
    other.leave()
    assert not one.alive(other.me)
    assert not one.alive("nobody")
    one.leave()
    assert list(tmp_path.iterdir()) == []


def test_owner_that_shows_no_sign_is_frozen_and_thaws(tmp_path: Path) -> None:
    now = [1000.0]
    one, other = (Owners(tmp_path, frozen_after=5, clock=lambda: now[0]) for _ in range(2))
    one.enter()
    other.enter()
    now[0] += 6
    assert not one.alive(other.me)
    other.beat()
    assert one.alive(other.me)
    one.leave()
    other.leave()
