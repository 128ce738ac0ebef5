"""Servers that are not, or no longer, the one primary that we need: found again where that can be, else named."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis.asyncio import Redis

from aios.adapters.redis import announcements
from aios.adapters.redis.announcements import RedisAnnouncements
from aios.adapters.redis.counters import RedisCounters
from aios.adapters.redis.leases import RedisLeases
from aios.adapters.redis.probe import probe
from aios.adapters.redis.sessions import RedisSessions
from aios.errors import ServiceUnavailableError
from tests.adapters.redis.proxy import proxy
from tests.servers.availability import ServerUnavailableError, skip_or_fail
from tests.servers.redis import RedisProcess

PREFIX = "aios"


@pytest.fixture
def other_redis(tmp_path: Path) -> Iterator[RedisProcess]:
    folder = tmp_path / "other"
    folder.mkdir()
    try:
        server = RedisProcess(folder)
    except ServerUnavailableError as error:
        skip_or_fail(error)
    yield server
    server.process.stop()


async def test_after_a_failover_the_new_primary_is_found_though_no_connection_was_cut(
    own_redis: RedisProcess, other_redis: RedisProcess
) -> None:
    async with proxy(own_redis.port) as name:
        url = f"redis://127.0.0.1:{name.port}/0"
        sessions, leases, counters = RedisSessions(url, PREFIX), RedisLeases(url, PREFIX), RedisCounters(url, PREFIX)
        await asyncio.gather(*(sessions.set(f"before/{number}", "1", ttl=60) for number in range(10)))
        assert await leases.acquire("lease", "me", ttl=60)
        await counters.seed("spent", 1)
        await _follow(own_redis, other_redis)
        name.target = other_redis.port
        await asyncio.gather(*(sessions.set(f"after/{number}", "1", ttl=60) for number in range(10)))
        assert await leases.acquire("lease", "me", ttl=60)
        assert await counters.add("spent", 1) is None, "another server counted it"
        assert await counters.seed("spent", 2) == 2
        async with Redis.from_url(other_redis.url) as primary:
            assert len(await primary.keys("*after*")) == 10
        for port in (sessions, leases, counters):
            await port.close()


async def test_a_replica_is_named(own_redis: RedisProcess, other_redis: RedisProcess) -> None:
    await _follow(own_redis, other_redis)
    sessions = RedisSessions(own_redis.url, PREFIX)
    with pytest.raises(ServiceUnavailableError, match=r"is a replica.*name the primary"):
        await sessions.set("a", "1", ttl=60)
    assert "is a replica" in (await probe(own_redis.url)).problems[0]
    await sessions.close()


async def test_a_cluster_is_named(tmp_path: Path) -> None:
    server = RedisProcess(tmp_path, options=("--cluster-enabled", "yes"))
    sessions = RedisSessions(server.url, PREFIX)
    with pytest.raises(ServiceUnavailableError, match=r"is part of a cluster.*single server"):
        await sessions.set("a", "1", ttl=60)
    assert "is part of a cluster" in (await probe(server.url)).problems[0]
    await sessions.close()
    server.process.stop()


async def test_a_server_without_memory_says_so_and_still_lets_go(own_redis: RedisProcess) -> None:
    sessions, leases = RedisSessions(own_redis.url, PREFIX), RedisLeases(own_redis.url, PREFIX)
    assert await leases.acquire("lease", "me", ttl=60)
    async with Redis.from_url(own_redis.url) as client:
        await client.config_set("maxmemory", "1")
    for call in (sessions.set("a", "1", ttl=60), leases.acquire("other", "me", ttl=60)):
        with pytest.raises(ServiceUnavailableError, match="raise its maxmemory"):
            await call
    await leases.release("lease", "me")
    assert await leases.holder("lease") is None
    await sessions.close()
    await leases.close()


async def test_scripts_that_the_server_forgot_run_all_the_same(own_redis: RedisProcess) -> None:
    counters = RedisCounters(own_redis.url, PREFIX)
    await counters.seed("spent", 1)
    await counters.add("spent", 1)
    async with Redis.from_url(own_redis.url) as client:
        await client.script_flush()
    assert await counters.add("spent", 1) == 3
    await counters.close()


async def test_a_connection_that_was_cut_while_it_was_idle_is_not_used_for_what_may_not_be_repeated(
    own_redis: RedisProcess,
) -> None:
    counters, sessions = RedisCounters(own_redis.url, PREFIX), RedisSessions(own_redis.url, PREFIX)
    await asyncio.gather(*(counters.seed(f"spent/{number}", 1) for number in range(10)))
    await asyncio.gather(*(sessions.set(f"a/{number}", "1", ttl=60) for number in range(10)))
    async with Redis.from_url(own_redis.url) as client:
        await client.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")  # type: ignore[no-untyped-call]
        while len(await client.client_list()) > 1:
            pass  # each asks the server
        await client.ping()  # what it closed has been noticed here by now
    added = await asyncio.gather(*(counters.add(f"spent/{number}", 1) for number in range(10)))
    assert added == [2] * 10
    assert all(
        await asyncio.gather(*(sessions.compare_and_set(f"a/{number}", "1", "2", ttl=60) for number in range(10)))
    )
    await counters.close()
    await sessions.close()


async def test_a_subscription_at_whose_end_nobody_is_any_more_is_made_again(
    own_redis: RedisProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, seconds in (("POLL", 0.2), ("PAUSE", 0.05), ("ANSWER_SECONDS", 3.0)):
        monkeypatch.setattr(announcements, name, seconds)
    speaker = RedisAnnouncements(own_redis.url, PREFIX, "journal")
    async with proxy(own_redis.port) as way, Redis.from_url(own_redis.url, decode_responses=True) as client:
        listener = RedisAnnouncements(f"redis://127.0.0.1:{way.port}/0", PREFIX, "journal")
        await asyncio.wait_for(_until_heard(listener, speaker), 50)
        (before,) = await _subscribers(client)
        await asyncio.sleep(5 * announcements.POLL)  # quiet: it is asked whether it is there
        assert await _subscribers(client) == [before]
        way.cut()
        await asyncio.wait_for(listener.announced(60), 50)  # what was missed meanwhile
        await asyncio.wait_for(_until_heard(listener, speaker), 50)
        assert before not in (await _subscribers(client))[-1:]
        await listener.close()
    await speaker.close()


async def _subscribers(client: "Redis") -> list[str]:
    return [one["id"] for one in await client.client_list(_type="pubsub")]


async def _until_heard(listener: RedisAnnouncements, speaker: RedisAnnouncements) -> None:
    waiting = asyncio.create_task(listener.announced(60))
    while not waiting.done():
        await speaker.announce()
        await asyncio.wait({waiting}, timeout=0.1)


async def _follow(follower: RedisProcess, leader: RedisProcess) -> None:
    async with Redis.from_url(follower.url) as client:
        await client.replicaof("127.0.0.1", leader.port)
