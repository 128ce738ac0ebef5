"""One acts at a time; nobody's wall clock is believed."""

import asyncio
import copy
from datetime import UTC, datetime
from typing import Any, cast

import pytest

from aios.adapters.kubernetes import leadership
from aios.adapters.kubernetes.api import Api, ConflictingWriteError, Manifest
from aios.adapters.kubernetes.leadership import DURATION, GIVE_UP_AFTER, RENEW_EVERY, Leadership, LeadershipLostError
from aios.errors import ServiceUnavailableError


class LeaseStore:
    """The three calls that a Lease needs, with an API server's optimistic locking."""

    def __init__(self) -> None:
        self.lease: dict[str, Any] | None = None
        self.version = 0
        self.is_away = False

    async def get(self, _kind: str, _namespace: str, _name: str) -> Manifest | None:
        if self.is_away:
            raise ServiceUnavailableError("away")
        return copy.deepcopy(self.lease)

    async def create(self, manifest: Manifest) -> None:
        if self.lease is not None:
            raise ConflictingWriteError("exists")
        self._store(manifest)

    async def replace(self, manifest: Manifest) -> None:
        if manifest["metadata"]["resourceVersion"] != str(self.version):
            raise ConflictingWriteError("changed")
        self._store(manifest)

    def _store(self, manifest: Manifest) -> None:
        self.version += 1
        stored = copy.deepcopy(dict(manifest))
        stored["metadata"]["resourceVersion"] = str(self.version)
        self.lease = stored

    @property
    def holder(self) -> str:
        return str(self.lease["spec"]["holderIdentity"]) if self.lease else ""


class StepClock:
    """Sleeping is what makes time pass; `meanwhile` is called at each step."""

    def __init__(self) -> None:
        self.time = 0.0
        self.meanwhile: list[Any] = []

    def monotonic(self) -> float:
        return self.time

    def now(self) -> datetime:
        return datetime(1970, 1, 1, tzinfo=UTC)

    async def sleep(self, seconds: float) -> None:
        self.time += seconds
        if self.meanwhile:
            await self.meanwhile.pop(0)()


def contender(store: LeaseStore, clock: StepClock, identity: str) -> Leadership:
    return Leadership(cast("Api", store), clock, namespace="n", name="aios-operator", identity=identity)


async def test_the_first_one_acts_and_the_second_waits_until_it_has_not_been_heard_of_for_a_whole_duration() -> None:
    store, clock = LeaseStore(), StepClock()
    await contender(store, clock, "one").acquire()
    began = clock.time
    await contender(store, clock, "two").acquire()
    assert store.holder == "two"
    assert clock.time - began > DURATION


async def test_a_holder_that_renews_is_never_replaced() -> None:
    store, clock, slow = LeaseStore(), StepClock(), StepClock()
    one, two = contender(store, clock, "one"), contender(store, slow, "two")
    await one.acquire()
    slow.meanwhile = [one.acquire for _ in range(40)]

    async def give_up() -> None:
        raise TimeoutError

    slow.meanwhile.append(give_up)
    with pytest.raises(TimeoutError):
        await two.acquire()
    assert slow.time > 4 * DURATION
    assert store.holder == "one"


async def test_a_released_lease_is_taken_at_once() -> None:
    store, clock = LeaseStore(), StepClock()
    one = contender(store, clock, "one")
    await one.acquire()
    await one.release()
    await contender(store, clock, "two").acquire()
    assert (store.holder, clock.time) == ("two", 0.0)
    await one.release()
    assert store.holder == "two"


async def test_a_holder_that_was_replaced_stops() -> None:
    store, clock = LeaseStore(), StepClock()
    one = contender(store, clock, "one")
    await one.acquire()
    await one.release()
    await contender(store, clock, "two").acquire()
    with pytest.raises(LeadershipLostError, match="another operator holds"):
        await one.hold()


async def test_a_holder_that_cannot_renew_stops_before_another_may_start() -> None:
    store, clock = LeaseStore(), StepClock()
    one = contender(store, clock, "one")
    await one.acquire()
    store.is_away = True
    with pytest.raises(LeadershipLostError, match="could not be renewed"):
        await one.hold()
    assert GIVE_UP_AFTER <= clock.time < DURATION


class SlowStore(LeaseStore):
    """Answers a write `late` seconds after it was sent; None: never. What was sent is stored all the same."""

    def __init__(self, clock: StepClock) -> None:
        super().__init__()
        self._clock = clock
        self.late: float | None = 0.0

    def _store(self, manifest: Manifest) -> None:
        super()._store(manifest)
        self._clock.time += self.late or 0.0

    async def replace(self, manifest: Manifest) -> None:
        await super().replace(manifest)
        if self.late is None:
            await asyncio.Event().wait()


async def test_a_renewal_counts_from_when_it_was_sent() -> None:
    clock = StepClock()
    store = SlowStore(clock)
    one = contender(store, clock, "one")
    await one.acquire()
    store.late = 7.0

    async def go_away() -> None:
        store.is_away = True

    async def nothing() -> None: ...

    clock.meanwhile = [nothing, go_away]
    with pytest.raises(LeadershipLostError, match="could not be renewed"):
        await one.hold()
    assert clock.time == pytest.approx(RENEW_EVERY + GIVE_UP_AFTER)


async def test_a_lease_that_was_won_too_slowly_is_renewed_before_anybody_acts() -> None:
    clock = StepClock()
    store = SlowStore(clock)
    store.late = DURATION

    async def recover() -> None:
        store.late = 0.0

    clock.meanwhile = [recover]
    await contender(store, clock, "one").acquire()
    assert (store.version, store.late) == (2, 0.0)


async def test_an_answer_that_never_comes_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leadership, "GIVE_UP_AFTER", RENEW_EVERY + 0.05)
    clock = StepClock()
    store = SlowStore(clock)
    one = contender(store, clock, "one")
    await one.acquire()
    store.late = None
    with pytest.raises(LeadershipLostError, match=r"could not be renewed for 4\.05 s: no answer"):
        await asyncio.wait_for(one.hold(), 10)


async def test_a_holder_that_slept_too_long_stops_without_asking() -> None:
    store, clock = LeaseStore(), StepClock()
    one = contender(store, clock, "one")
    await one.acquire()

    async def freeze() -> None:
        clock.time += GIVE_UP_AFTER

    clock.meanwhile = [freeze]
    with pytest.raises(LeadershipLostError, match="could not be renewed"):
        await one.hold()
    assert store.version == 1
