"""Leases in Redis: who holds what, until the server's clock says it expired."""

from redis.asyncio import Redis

from aios.adapters.redis.connection import RedisServer, milliseconds, read_text

_ACQUIRE = """
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
"""
_RELEASE = """
if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end
return 1
"""


class RedisLeases:
    """Leases; see the port for what is promised. Taking or giving up twice comes to the same, so calls may repeat."""

    def __init__(self, url: str, prefix: str) -> None:
        """`prefix` is this installation's part of the server's keys."""
        self._server = RedisServer(url)
        self._prefix = f"{prefix}:lease:"

    async def acquire(self, name: str, holder: str, *, ttl: float) -> bool:
        arguments: list[str | int] = [holder, milliseconds(ttl)]

        async def acquire(redis: Redis) -> bool:
            return bool(await redis.register_script(_ACQUIRE)(keys=[self._key(name)], args=arguments))

        return await self._server.call(acquire)

    async def release(self, name: str, holder: str) -> None:
        async def release(redis: Redis) -> None:
            await redis.register_script(_RELEASE)(keys=[self._key(name)], args=[holder])

        await self._server.call(release)

    async def holder(self, name: str) -> str | None:
        return await read_text(self._server, self._key(name))

    async def close(self) -> None:
        """End the connections."""
        await self._server.close()

    def _key(self, name: str) -> str:
        return f"{self._prefix}{name}"
