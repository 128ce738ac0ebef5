"""Leases: who works on what, as a hint. Safety rests on the Journal's fence, never on a lease."""

from typing import Protocol


class Leases(Protocol):
    """Named leases that expire by the store's clock. Advisory: two may believe to hold one."""

    async def acquire(self, name: str, holder: str, *, ttl: float) -> bool:
        """Take or extend it for `ttl` seconds; False when somebody else holds it."""
        ...

    async def release(self, name: str, holder: str) -> None:
        """Give it up; no change when another holds it."""
        ...

    async def holder(self, name: str) -> str | None:
        """Who holds it now."""
        ...
