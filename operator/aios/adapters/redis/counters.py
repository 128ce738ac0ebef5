"""Counters in Redis that forget rather than lie.

A server that restarts may come back with a value of a second ago (append-only file, `everysec`), or with none. So each
counter carries the `run_id` of the server that counted it; a value counted by another run is unknown, and whoever
knows the truth seeds it anew.
"""

from redis.asyncio import Redis

from aios.adapters.redis.connection import RedisServer

_VALUE = """
local run = string.match(redis.call('INFO', 'server'), 'run_id:(%w+)')
local known = redis.call('HGET', KEYS[1], 'run') == run and redis.call('HGET', KEYS[1], 'value') or false
"""
_GET = f"{_VALUE} return known"
_SEED = f"""{_VALUE}
if known then return known end
redis.call('HSET', KEYS[1], 'run', run, 'value', ARGV[1])
return ARGV[1]
"""
_ADD = f"""{_VALUE}
if not known then return false end
if ARGV[2] ~= '' and tonumber(known) + tonumber(ARGV[1]) > tonumber(ARGV[2]) then return known end
redis.call('HINCRBY', KEYS[1], 'value', ARGV[1])
return redis.call('HGET', KEYS[1], 'value')
"""
"""Exact up to 2^53 where a limit is compared: Lua's numbers are doubles."""


class RedisCounters:
    """Counters; see the port for what is promised."""

    def __init__(self, url: str, prefix: str) -> None:
        """`prefix` is this installation's part of the server's keys."""
        self._server = RedisServer(url)
        self._prefix = f"{prefix}:counter:"

    async def get(self, name: str) -> int | None:
        return await self._run(_GET, name, repeatable=True)

    async def seed(self, name: str, value: int) -> int:
        found = await self._run(_SEED, name, value, repeatable=True)
        return value if found is None else found

    async def add(self, name: str, amount: int, *, limit: int | None = None) -> int | None:
        """After ServiceUnavailableError the amount may or may not be in: seed a counter that must be exact anew."""
        return await self._run(_ADD, name, amount, "" if limit is None else limit, repeatable=False)

    async def close(self) -> None:
        """End the connections."""
        await self._server.close()

    async def _run(self, script: str, name: str, *arguments: int | str, repeatable: bool) -> int | None:
        async def run(redis: Redis) -> int | None:
            found = await redis.register_script(script)(keys=[f"{self._prefix}{name}"], args=list(arguments))
            return int(found) if found is not None else None

        return await self._server.call(run, repeatable=repeatable)
