"""What `aios doctor` says of a Redis."""

from redis.asyncio import Redis

from aios.adapters.redis.probe import probe
from tests.servers.redis import RedisProcess


async def test_a_server_that_evicts_is_a_problem_with_what_to_do(own_redis: RedisProcess) -> None:
    well = await probe(own_redis.url)
    assert well.service in {"Redis", "Valkey"}
    assert well.version
    assert well.milliseconds > 0
    assert not well.problems
    assert "append-only" in well.details[0]
    async with Redis.from_url(own_redis.url) as client:
        await client.config_set("maxmemory-policy", "allkeys-lru")
    assert "noeviction" in (await probe(own_redis.url)).problems[0]
