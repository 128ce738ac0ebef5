"""Sessions, Leases, Counters: right while they last, and allowed to vanish between any two calls."""

from pathlib import Path
from random import Random

import pytest

from tests.contract.implementations import (
    CountersClient,
    Implementation,
    LeasesClient,
    SessionsClient,
)
from tests.contract.processes import actors
from tests.contract.waiting import eventually
from tests.twins.vanishing import VanishingCounters, VanishingLeases, VanishingSessions


async def test_session_is_read_as_it_was_written_until_it_expires(sessions: SessionsClient) -> None:
    assert await sessions.get("a") is None
    await sessions.set("a", "ünï", ttl=60)
    await sessions.set("a", "two", ttl=60)
    assert await sessions.get("a") == "two"
    await sessions.set("a", "short", ttl=0.05)

    async def it_has_expired() -> bool:
        return await sessions.get("a") is None

    await eventually(it_has_expired)
    assert dict(await sessions.scan("")) == {}
    await sessions.delete("a")


async def test_session_without_time_to_live_is_refused(sessions: SessionsClient) -> None:
    for ttl in (0.0, -1.0):
        with pytest.raises(ValueError, match="time to live"):
            await sessions.set("a", "x", ttl=ttl)
        with pytest.raises(ValueError, match="time to live"):
            await sessions.compare_and_set("a", None, "x", ttl=ttl)


async def test_sessions_are_scanned_by_prefix(sessions: SessionsClient) -> None:
    for key in ("worker/a/1", "worker/a/2", "worker/ab/1", "w%"):
        await sessions.set(key, key, ttl=60)
    await sessions.delete("worker/a/2")
    assert dict(await sessions.scan("worker/a/")) == {"worker/a/1": "worker/a/1"}
    assert sorted(await sessions.scan("worker/")) == ["worker/a/1", "worker/ab/1"]


async def test_compare_and_set_writes_only_over_what_was_expected(sessions: SessionsClient) -> None:
    assert not await sessions.compare_and_set("a", "x", "y", ttl=60)
    assert await sessions.compare_and_set("a", None, "x", ttl=60)
    assert not await sessions.compare_and_set("a", None, "y", ttl=60)
    assert await sessions.compare_and_set("a", "x", "y", ttl=60)
    assert await sessions.get("a") == "y"


async def test_processes_that_swap_one_session_lose_no_update(
    session_stores: Implementation[SessionsClient], sessions: SessionsClient, tmp_path: Path
) -> None:
    with actors(8, "swap", session_stores, tmp_path, "10") as running:
        reached = [int(number) for process in running for number in process.rest()]
    assert sorted(reached) == list(range(1, 81))
    assert await sessions.get("number") == "80"


async def test_lease_is_one_holders_until_released_or_expired(leases: LeasesClient) -> None:
    assert await leases.holder("a") is None
    assert await leases.acquire("a", "me", ttl=60)
    assert await leases.acquire("a", "me", ttl=60), "the holder extends it"
    assert not await leases.acquire("a", "you", ttl=60)
    await leases.release("a", "you")
    assert await leases.holder("a") == "me"
    await leases.release("a", "me")
    assert await leases.acquire("a", "you", ttl=0.05)

    async def it_is_free() -> bool:
        return await leases.acquire("a", "me", ttl=60)

    await eventually(it_is_free)
    assert await leases.holder("a") == "me"
    await leases.release("none", "me")


async def test_of_many_processes_one_takes_each_lease(
    lease_stores: Implementation[LeasesClient], leases: LeasesClient, tmp_path: Path
) -> None:
    with actors(8, "grab", lease_stores, tmp_path, "20") as running:
        won = [int(number) for process in running for number in process.rest()]
    assert sorted(won) == list(range(20))


async def test_missing_counter_is_unknown_never_zero(counters: CountersClient) -> None:
    assert await counters.get("a") is None
    assert await counters.add("a", 5) is None
    assert await counters.get("a") is None


async def test_counter_is_seeded_once_and_added_to(counters: CountersClient) -> None:
    assert await counters.seed("a", 7) == 7
    assert await counters.seed("a", 9) == 7
    assert await counters.add("a", 3) == 10
    assert await counters.add("a", -4) == 6
    assert await counters.get("a") == 6


async def test_addition_beyond_the_limit_changes_nothing(counters: CountersClient) -> None:
    await counters.seed("a", 5)
    assert await counters.add("a", 6, limit=10) == 5
    assert await counters.add("a", 5, limit=10) == 10
    assert await counters.get("a") == 10


async def test_processes_add_without_losing_and_without_exceeding(
    counter_stores: Implementation[CountersClient], counters: CountersClient, tmp_path: Path
) -> None:
    with actors(8, "add", counter_stores, tmp_path, "10", "60") as running:
        reached = [int(number) for process in running for number in process.rest()]
    assert sorted(reached) == [*range(1, 60), *[60] * 21]
    assert await counters.get("sum") == 60


async def test_session_may_vanish_between_any_two_calls(sessions: SessionsClient) -> None:
    vanishing = VanishingSessions(sessions, Random(1), chance=1.0)
    await vanishing.set("a", "x", ttl=60)
    assert await vanishing.get("a") is None
    assert not await vanishing.compare_and_set("a", "x", "y", ttl=60)
    assert await vanishing.compare_and_set("a", None, "y", ttl=60)
    await vanishing.delete("a")
    assert dict(await vanishing.scan("")) == {}


async def test_lease_may_vanish_between_any_two_calls(leases: LeasesClient) -> None:
    vanishing = VanishingLeases(leases, Random(1), chance=1.0)
    assert await vanishing.acquire("a", "me", ttl=60)
    assert await vanishing.acquire("a", "you", ttl=60), "advisory: two believe to hold it"
    assert await vanishing.holder("a") is None
    await vanishing.release("a", "you")


async def test_counter_that_vanished_is_unknown_and_seeded_anew(counters: CountersClient) -> None:
    vanishing = VanishingCounters(counters, Random(1), chance=1.0)
    assert await vanishing.seed("a", 7) == 7
    assert await vanishing.add("a", 1) is None
    assert await vanishing.seed("a", 8) == 8
    assert await vanishing.get("a") is None


async def test_counter_kept_by_someone_who_rebuilds_it_is_never_wrong(counters: CountersClient) -> None:
    vanishing = VanishingCounters(counters, Random(3), chance=0.3)
    for before in range(50):
        while (reached := await vanishing.add("a", 1)) is None:
            await vanishing.seed("a", before)
        assert reached == before + 1
    assert vanishing.lives.ended > 5
