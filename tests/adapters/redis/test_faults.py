"""What a Redis that dies, freezes or forgets does to those who use it: slower, never wrong."""

import asyncio
import os
import signal
import time

import pytest

from aios.adapters.redis.announcements import RedisAnnouncements
from aios.adapters.redis.connection import ANSWER_SECONDS, CONNECT_SECONDS
from aios.adapters.redis.counters import RedisCounters
from aios.adapters.redis.leases import RedisLeases
from aios.adapters.redis.sessions import RedisSessions
from aios.errors import ServiceUnavailableError
from tests.servers.redis import RedisProcess

PREFIX = "aios"


def kill(server: RedisProcess) -> None:
    os.kill(server.process.pid, signal.SIGKILL)
    server.process.stop()


async def test_a_counter_of_a_server_that_was_killed_is_unknown_even_if_its_file_has_a_value(
    own_redis: RedisProcess,
) -> None:
    counters = RedisCounters(own_redis.url, PREFIX)
    await counters.seed("spent", 100)
    assert await counters.add("spent", 1) == 101
    await asyncio.sleep(1.2)  # `everysec`: now it is in the file
    kill(own_redis)
    own_redis.start()
    assert await counters.get("spent") is None
    assert await counters.add("spent", 1) is None
    assert await counters.seed("spent", 205) == 205
    assert await counters.add("spent", 1) == 206
    await counters.close()


async def test_a_counter_is_unknown_after_everything_was_flushed(own_redis: RedisProcess) -> None:
    counters = RedisCounters(own_redis.url, PREFIX)
    await counters.seed("spent", 100)
    await _flush(own_redis)
    assert await counters.add("spent", 1) is None
    assert await counters.get("spent") is None
    await counters.close()


async def test_sessions_and_leases_work_again_after_a_restart_with_the_same_objects(own_redis: RedisProcess) -> None:
    sessions, leases = RedisSessions(own_redis.url, PREFIX), RedisLeases(own_redis.url, PREFIX)
    await sessions.set("a", "1", ttl=60)
    assert await leases.acquire("l", "me", ttl=60)
    kill(own_redis)
    started = time.monotonic()
    for call in (sessions.get("a"), sessions.scan(""), leases.acquire("l", "me", ttl=60), leases.holder("l")):
        with pytest.raises(ServiceUnavailableError, match=r"127\.0\.0\.1"):
            await call
    assert time.monotonic() - started < 4 * CONNECT_SECONDS
    own_redis.start()
    await sessions.set("b", "2", ttl=60)
    assert await sessions.get("b") == "2"
    assert await leases.acquire("l2", "me", ttl=60)
    await sessions.close()
    await leases.close()


async def test_a_frozen_server_is_given_up_within_the_bound(own_redis: RedisProcess) -> None:
    sessions = RedisSessions(own_redis.url, PREFIX)
    await sessions.set("a", "1", ttl=60)
    os.kill(own_redis.process.pid, signal.SIGSTOP)
    started = time.monotonic()
    try:
        with pytest.raises(ServiceUnavailableError, match=r"did not answer|Timeout"):
            await sessions.get("a")
        assert time.monotonic() - started < 2 * (ANSWER_SECONDS + CONNECT_SECONDS)
    finally:
        os.kill(own_redis.process.pid, signal.SIGCONT)
    assert await sessions.get("a") == "1"
    await sessions.close()


async def test_wrong_credentials_are_told_without_being_shown(own_redis: RedisProcess) -> None:
    sessions = RedisSessions(own_redis.url.replace("//", "//user:hunter2@"), PREFIX)
    with pytest.raises(ServiceUnavailableError, match="AIOS_SESSIONS_URL") as refused:
        await sessions.get("a")
    assert "hunter2" not in str(refused.value)
    await sessions.close()


async def test_keys_that_look_like_patterns_are_found_by_their_own_prefix_only(redis_server: str) -> None:
    sessions = RedisSessions(redis_server, "patterns")
    for key in ("a*b/1", "a?b/1", "a[xy]b/1", "axb/1", "a\\b/1", "a%b/1"):
        await sessions.set(key, key, ttl=60)
    for prefix in ("a*b/", "a?b/", "a[xy]b/", "a\\b/", "a%b/"):
        assert list(await sessions.scan(prefix)) == [f"{prefix}1"]
    await sessions.close()


async def test_an_announcement_reaches_others_and_a_restart_only_costs_hints(own_redis: RedisProcess) -> None:
    speaker = RedisAnnouncements(own_redis.url, PREFIX, "journal")
    listener = RedisAnnouncements(own_redis.url, PREFIX, "journal")
    heard = asyncio.create_task(_until_heard(listener, speaker))
    await asyncio.wait_for(heard, 60)
    kill(own_redis)
    await speaker.announce()
    own_redis.start()
    await asyncio.wait_for(_until_heard(listener, speaker), 60)
    await speaker.close()
    await listener.close()


async def _until_heard(listener: RedisAnnouncements, speaker: RedisAnnouncements) -> None:
    """A wait that ends long before its time is up was ended by an announcement."""
    while True:
        started = time.monotonic()
        waiting = asyncio.create_task(listener.announced(5.0))
        await asyncio.sleep(0.1)
        await speaker.announce()
        await waiting
        if time.monotonic() - started < 4.0:
            return


async def _flush(server: RedisProcess) -> None:
    from redis.asyncio import Redis

    async with Redis.from_url(server.url) as client:
        await client.flushall()
