"""What is said of a Redis."""

import asyncio
from typing import TYPE_CHECKING

import pytest

from aios.adapters.redis.connection import RedisServer
from aios.errors import EnvironmentProblemError

if TYPE_CHECKING:
    from redis.asyncio import Redis


def test_an_ipv6_address_is_shown_as_a_url_has_it() -> None:
    assert RedisServer("redis://:p@[::1]:6379/0").address == "[::1]:6379"


@pytest.mark.parametrize("options", ["max_connections=1.5", "db=x"])
async def test_what_the_library_makes_nothing_of_is_named_by_its_variable_and_the_url_not_shown(options: str) -> None:
    server = RedisServer(f"redis://:hunter2@127.0.0.1:1?{options}")
    with pytest.raises(EnvironmentProblemError, match=f"AIOS_SESSIONS_URL: .*{options.partition('=')[0]}") as refused:
        await server.call(lambda redis: redis.get("x"))
    assert "hunter2" not in str(refused.value)


async def test_whoever_calls_is_cancelled_at_any_moment(redis_server: str) -> None:
    server = RedisServer(redis_server)

    async def get(redis: "Redis") -> object:
        return await redis.get("nothing")

    async def caller() -> None:
        while True:
            await server.call(get)

    await server.call(get)  # connects
    for moment in range(25):
        calling = asyncio.create_task(caller())
        for _ in range(moment):
            await asyncio.sleep(0)
        calling.cancel()
        _, going_on = await asyncio.wait({calling}, timeout=5)
        assert not going_on, f"after {moment} turns of the loop"
    await server.close()
