"""A broker that confirms nothing, or late, holds up nobody, and is not sent the same bell again and again."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest

from aios.errors import ServiceUnavailableError, UnroutableError
from aios.ports.broker import Message
from aios.projects import ringer as module
from aios.projects.ringer import Ringer

pytestmark = pytest.mark.usefixtures("skipped_time")
PATIENCE = 0.05


@dataclass
class Broker:
    """Takes a bell at once, or when it is let through."""

    let_through: asyncio.Event = field(default_factory=asyncio.Event)
    refusal: Exception | None = None
    takes: float = 0.0
    """Seconds; more than none: it lets itself through."""
    stuck: set[str] = field(default_factory=set)
    sent: list[str] = field(default_factory=list)

    async def publish(self, queue: str, message: Message) -> None:
        self.sent.append(message.id)
        if queue in self.stuck:
            await asyncio.Event().wait()
        await (asyncio.sleep(self.takes) if self.takes else self.let_through.wait())
        if self.refusal is not None:
            raise self.refusal


@pytest.fixture
def broker() -> Broker:
    return Broker()


@pytest.fixture
async def ringer(broker: Broker, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Ringer]:
    monkeypatch.setattr(module, "PATIENCE_SECONDS", PATIENCE)
    made = Ringer(broker)  # type: ignore[arg-type]  # the part that is used
    yield made
    await made.close()


def bell(number: int) -> Message:
    return Message(f"m{number}", {"run": "default/p/1", "task": "a"})


async def test_a_bell_that_is_confirmed_at_once_is_known_to_be(broker: Broker, ringer: Ringer) -> None:
    broker.let_through.set()
    assert await ringer.ring("q", bell(1))


@pytest.mark.parametrize("refusal", [UnroutableError("no queue q"), ServiceUnavailableError("gone")])
async def test_a_refusal_is_no_error(broker: Broker, ringer: Ringer, refusal: Exception) -> None:
    broker.let_through.set()
    broker.refusal = refusal
    assert not await ringer.ring("q", bell(1))


async def test_hundreds_of_bells_wait_no_longer_than_the_first(broker: Broker, ringer: Ringer) -> None:
    loop = asyncio.get_running_loop()
    began = loop.time()
    for number in range(200):
        assert not await ringer.ring("q", bell(number))
    assert loop.time() - began == pytest.approx(PATIENCE)
    await asyncio.sleep(0)
    assert len(broker.sent) == 200


async def test_a_bell_that_is_under_way_is_not_sent_twice(broker: Broker, ringer: Ringer) -> None:
    for _ in range(3):
        assert not await ringer.ring("q", bell(1))
    assert broker.sent == ["m1"]
    broker.let_through.set()
    await asyncio.sleep(0.01)
    assert await ringer.ring("q", bell(1)), "it was confirmed meanwhile"
    assert broker.sent == ["m1"]
    assert await ringer.ring("q", bell(1)), "nobody came for a while, so it is rung anew"
    assert broker.sent == ["m1", "m1"]


async def test_a_confirm_that_always_comes_late_is_heard_all_the_same(broker: Broker, ringer: Ringer) -> None:
    broker.takes = 0.08
    heard = []
    for _ in range(5):
        heard.append(await ringer.ring("q", bell(1)))
        if heard[-1]:
            break
        await asyncio.sleep(0.02)
    assert heard[-1]
    assert broker.sent == ["m1"]


async def test_a_bell_that_was_refused_late_is_sent_again(broker: Broker, ringer: Ringer) -> None:
    broker.refusal = ServiceUnavailableError("gone")
    assert not await ringer.ring("q", bell(1))
    broker.let_through.set()
    await asyncio.sleep(0.01)
    broker.refusal = None
    assert await ringer.ring("q", bell(1))
    assert broker.sent == ["m1", "m1"]


async def test_one_queue_that_is_stuck_holds_up_no_other(broker: Broker, ringer: Ringer) -> None:
    broker.stuck.add("stuck")
    broker.takes = 0.005
    for number in range(20):
        assert not await ringer.ring("stuck", bell(0))
        assert await ringer.ring("fine", bell(1 + number))
    assert broker.sent.count("m0") == 1


async def test_a_broker_that_confirms_nothing_is_waited_for_no_longer_the_more_queues_it_has(
    broker: Broker, ringer: Ringer
) -> None:
    loop = asyncio.get_running_loop()
    began = loop.time()
    for number in range(200):
        assert not await ringer.ring(f"q{number}", bell(number))
    assert loop.time() - began == pytest.approx(2 * PATIENCE)


async def test_late_confirms_that_nobody_asks_for_are_not_kept_for_ever(
    broker: Broker, ringer: Ringer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_LATE", 2)
    for number in range(3):
        await ringer.ring("q", bell(number))
    broker.let_through.set()
    await asyncio.sleep(0.01)
    for number in range(3):
        assert await ringer.ring("q", bell(number))
    assert len(broker.sent) == 4


async def test_what_is_under_way_ends_with_it(broker: Broker, ringer: Ringer) -> None:
    await ringer.ring("q", bell(1))
    await ringer.close()
    broker.let_through.set()
    assert await ringer.ring("q", bell(1))
