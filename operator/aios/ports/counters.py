"""Counters: atomic sums that can be rebuilt. A missing counter is unknown, never zero."""

from typing import Protocol


class Counters(Protocol):
    """Integers by name."""

    async def get(self, name: str) -> int | None:
        """The value; None means unknown: rebuild it from the Journal."""
        ...

    async def seed(self, name: str, value: int) -> int:
        """Set it if it is unknown; returns the value it then has. Of racing seeds one wins."""
        ...

    async def add(self, name: str, amount: int, *, limit: int | None = None) -> int | None:
        """Add atomically and return the new value; None when the counter is unknown. With `limit`, an addition
        that would exceed it changes nothing and returns the old value."""
        ...
