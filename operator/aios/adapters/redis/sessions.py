"""Sessions in Redis: plain keys with an expiry by the server's clock."""

from collections.abc import Mapping

from redis.asyncio import Redis

from aios.adapters.redis.connection import RedisServer, milliseconds, read_text

PAGE = 2000
"""Keys looked at, and values fetched, in one request of a scan: a few milliseconds of the server. All of its keys are
looked at, also those of others."""

_SWAP = """
local found = redis.call('GET', KEYS[1])
if ARGV[1] == 'absent' then
  if found then return 0 end
elseif found ~= ARGV[2] then
  return 0
end
redis.call('SET', KEYS[1], ARGV[3], 'PX', ARGV[4])
return 1
"""


class RedisSessions:
    """Sessions; see the port for what is promised."""

    def __init__(self, url: str, prefix: str) -> None:
        """`prefix` is this installation's part of the server's keys."""
        self._server = RedisServer(url)
        self._prefix = f"{prefix}:session:"

    async def get(self, key: str) -> str | None:
        return await read_text(self._server, self._key(key))

    async def set(self, key: str, value: str, *, ttl: float) -> None:
        expiry = milliseconds(ttl)
        await self._server.call(lambda redis: redis.set(self._key(key), value, px=expiry))

    async def compare_and_set(self, key: str, expected: str | None, value: str, *, ttl: float) -> bool:
        """A reply that was lost is an error, not a repetition: the second try would find the value of the first."""
        arguments = ["absent" if expected is None else "is", expected or "", value, milliseconds(ttl)]

        async def swap(redis: Redis) -> bool:
            return bool(await redis.register_script(_SWAP)(keys=[self._key(key)], args=arguments))

        return await self._server.call(swap, repeatable=False)

    async def delete(self, key: str) -> None:
        await self._server.call(lambda redis: redis.delete(self._key(key)))

    async def scan(self, prefix: str) -> Mapping[str, str]:
        pattern = f"{escaped(self._key(prefix))}*"

        async def look(redis: Redis) -> dict[str, str]:
            keys = sorted({key async for key in redis.scan_iter(match=pattern, count=PAGE)})
            found: dict[str, str] = {}
            for start in range(0, len(keys), PAGE):
                page = keys[start : start + PAGE]
                values = await redis.mget(page)
                found |= {key: value for key, value in zip(page, values, strict=True) if value is not None}
            return found

        found = await self._server.call(look)
        return {key.removeprefix(self._prefix): value for key, value in found.items()}

    async def close(self) -> None:
        """End the connections."""
        await self._server.close()

    def _key(self, key: str) -> str:
        return f"{self._prefix}{key}"


def escaped(text: str) -> str:
    r"""`text` as a MATCH pattern that means nothing but itself: `*?[]^-\` lose their meaning."""
    return "".join(f"\\{letter}" if letter in "*?[]^-\\" else letter for letter in text)
