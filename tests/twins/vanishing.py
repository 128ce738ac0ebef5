"""Stores that lose everything between two calls, as a restart of their service does. Nothing may rest on them.

To forget is to look elsewhere: every name gets the number of the present life in front.
"""

from collections.abc import Mapping
from random import Random

from aios.ports.counters import Counters
from aios.ports.leases import Leases
from aios.ports.sessions import Sessions


class _Lives:
    """Decides before each call whether everything is forgotten."""

    def __init__(self, random: Random, chance: float) -> None:
        self._random = random
        self._chance = chance
        self.ended = 0

    def name(self, name: str) -> str:
        """The name in the life that this call belongs to."""
        if self._random.random() < self._chance:
            self.ended += 1
        return f"life-{self.ended}/{name}"


class VanishingSessions:
    """Sessions that are wiped before a call with probability `chance`."""

    def __init__(self, inner: Sessions, random: Random, *, chance: float) -> None:
        self._inner = inner
        self.lives = _Lives(random, chance)

    async def get(self, key: str) -> str | None:
        return await self._inner.get(self.lives.name(key))

    async def set(self, key: str, value: str, *, ttl: float) -> None:
        await self._inner.set(self.lives.name(key), value, ttl=ttl)

    async def compare_and_set(self, key: str, expected: str | None, value: str, *, ttl: float) -> bool:
        return await self._inner.compare_and_set(self.lives.name(key), expected, value, ttl=ttl)

    async def delete(self, key: str) -> None:
        await self._inner.delete(self.lives.name(key))

    async def scan(self, prefix: str) -> Mapping[str, str]:
        found = await self._inner.scan(self.lives.name(prefix))
        return {key.partition("/")[2]: value for key, value in found.items()}


class VanishingLeases:
    """Leases that are wiped before a call with probability `chance`."""

    def __init__(self, inner: Leases, random: Random, *, chance: float) -> None:
        self._inner = inner
        self.lives = _Lives(random, chance)

    async def acquire(self, name: str, holder: str, *, ttl: float) -> bool:
        return await self._inner.acquire(self.lives.name(name), holder, ttl=ttl)

    async def release(self, name: str, holder: str) -> None:
        await self._inner.release(self.lives.name(name), holder)

    async def holder(self, name: str) -> str | None:
        return await self._inner.holder(self.lives.name(name))


class VanishingCounters:
    """Counters that are wiped before a call with probability `chance`."""

    def __init__(self, inner: Counters, random: Random, *, chance: float) -> None:
        self._inner = inner
        self.lives = _Lives(random, chance)

    async def get(self, name: str) -> int | None:
        return await self._inner.get(self.lives.name(name))

    async def seed(self, name: str, value: int) -> int:
        return await self._inner.seed(self.lives.name(name), value)

    async def add(self, name: str, amount: int, *, limit: int | None = None) -> int | None:
        return await self._inner.add(self.lives.name(name), amount, limit=limit)
