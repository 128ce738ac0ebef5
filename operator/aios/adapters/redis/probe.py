"""What `aios doctor` asks a Redis or Valkey server."""

import statistics
import time
from typing import Any

from redis.asyncio import Redis

from aios.adapters.redis.connection import CLUSTER, RedisServer
from aios.ports.probe import Probe

OLDEST = 7
NEARLY_FULL = 0.9


async def probe(url: str) -> Probe:
    """Raises ServiceUnavailableError when it does not answer."""
    server = RedisServer(url)
    try:
        info = await server.call(lambda redis: redis.info())
        policy = str(info.get("maxmemory_policy", ""))
        latency = await server.call(_latency)
    finally:
        await server.close()
    valkey = info.get("server_name") == "valkey"
    version = str(info.get("valkey_version" if valkey else "redis_version", ""))
    return Probe(
        service="Valkey" if valkey else "Redis",
        version=version,
        milliseconds=latency,
        details=(
            *server.trust.told(),
            _persistence(info),
            f"memory {info.get('used_memory_human', '?')}, policy {policy or 'unknown'}",
        ),
        problems=tuple(_problems(info, policy, version)),
    )


async def _latency(redis: Redis) -> float:
    taken = []
    for _ in range(5):
        started = time.perf_counter()
        await redis.ping()
        taken.append((time.perf_counter() - started) * 1000)
    return statistics.median(taken)


def _persistence(info: dict[str, Any]) -> str:
    if info.get("aof_enabled"):
        return "persistence: append-only file"
    return "persistence: snapshots or none (enough: nothing here is the truth)"


def _problems(info: dict[str, Any], policy: str, version: str) -> list[str]:
    problems = []
    if policy != "noeviction":
        problems.append(
            f"maxmemory-policy is {policy or 'unknown'}: leases and limits could be evicted while they are in force; "
            "set `CONFIG SET maxmemory-policy noeviction`, and in its configuration file"
        )
    if info.get("cluster_enabled"):
        problems.append(f"it {CLUSTER}")
    if info.get("role", "master") != "master":
        problems.append("it is a replica and takes no writes: name the primary")
    limit, used = int(info.get("maxmemory", 0)), int(info.get("used_memory", 0))
    if limit and used > NEARLY_FULL * limit:
        problems.append(f"its memory is nearly full ({used} of {limit} bytes): raise maxmemory")
    if version.partition(".")[0].isdigit() and int(version.partition(".")[0]) < OLDEST:
        problems.append(f"version {version} is older than {OLDEST}.0, the oldest that is tested")
    return problems
