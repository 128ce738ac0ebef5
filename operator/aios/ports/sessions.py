"""Sessions: small values that expire. Heartbeats, caches, live views. May vanish between any two calls."""

from collections.abc import Mapping
from typing import Protocol


class Sessions(Protocol):
    """Keys to text, each with a time to live by the store's clock. Atomic per key; nothing is promised to last."""

    async def get(self, key: str) -> str | None:
        """The value, or None when it expired, was wiped or never was."""
        ...

    async def set(self, key: str, value: str, *, ttl: float) -> None:
        """Write; `ttl` in seconds, > 0, else ValueError."""
        ...

    async def compare_and_set(self, key: str, expected: str | None, value: str, *, ttl: float) -> bool:
        """Write only if the value is `expected` (None: absent). Of racing calls one wins."""
        ...

    async def delete(self, key: str) -> None: ...

    async def scan(self, prefix: str) -> Mapping[str, str]:
        """Every live key that starts with `prefix`, with its value."""
        ...
