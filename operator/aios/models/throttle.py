"""Throttle: so many requests, or tokens, a minute, over all replicas, counted in Sessions.

No clock is compared: only the store's time to live measures the minute. The limit is dealt out over a few buckets; a
bucket is filled up to its share and then left alone until it has expired, a window after it was last touched. So in
no window is more granted than the limit; what is lost is at most the bucket that is filled slowly.

It counts grants, not what the provider counted. When Sessions lose everything the count begins again: the provider
may then say 429, which is waited for and costs nothing. Rejected: one counter, whose time to live every addition
renews, so that steady traffic never expires; a list of times, which needs hosts' clocks.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from aios.ports.sessions import Sessions

BUCKETS = 12
RACES = 4
"""Tries at one bucket that others are filling at the same moment, before the next one is tried."""


@dataclass(frozen=True, slots=True)
class Share:
    """Some of a bucket. `life` names the bucket's filling: when it has expired there is nothing to give back."""

    bucket: int
    life: str
    amount: int


class Throttle:
    """A limit a window. Every method raises ServiceUnavailableError when the store is away; what was taken by then
    expires by itself."""

    def __init__(self, sessions: Sessions, prefix: str, limit: int, *, window: float) -> None:
        """`prefix` is the limit's own; `window` in seconds."""
        self._sessions = sessions
        self._prefix = prefix
        self._limit = limit
        self._window = window
        self._buckets = min(limit, BUCKETS)
        self._next = 0

    async def take(self, amount: int) -> Sequence[Share]:
        """`amount` of the limit, or nothing when that much is not left. More than the limit counts as all of it."""
        wanted = min(amount, self._limit)
        # Looked first: what is taken and put back lives on for another window, and whoever waits would wait for ever.
        if wanted > 1 and not await self._has_room(wanted):
            return ()
        shares = await self._fill(wanted)
        if sum(share.amount for share in shares) < wanted:
            await self.give_back(shares)
            return ()
        return shares

    async def give_back(self, shares: Sequence[Share], amount: int | None = None) -> None:
        """Give back `amount` of what was taken; without it everything."""
        left = sum(share.amount for share in shares) if amount is None else amount
        for share in shares:
            part = min(left, share.amount)
            left -= part
            if part > 0:
                await self._drain(share, part)

    async def charge(self, amount: int) -> None:
        """Count what was used beyond what was taken, even beyond the limit: it is used already."""
        shares = await self._fill(amount)
        beyond = amount - sum(share.amount for share in shares)
        if beyond > 0:
            await self._pour(self._next, beyond, beyond=True)

    async def _has_room(self, wanted: int) -> bool:
        room = 0
        for step in range(self._buckets):
            bucket = (self._next + step) % self._buckets
            _, level = _read(await self._sessions.get(self._key(bucket)))
            room += max(0, self._share(bucket) - level)
            if room >= wanted:
                return True
        return False

    async def _fill(self, wanted: int) -> list[Share]:
        """Up to `wanted`, from the bucket that was filled last onwards."""
        shares: list[Share] = []
        first = self._next
        for step in range(self._buckets):
            left = wanted - sum(share.amount for share in shares)
            if left <= 0:
                break
            self._next = (first + step) % self._buckets
            share = await self._pour(self._next, left)
            if share is not None:
                shares.append(share)
        return shares

    async def _pour(self, bucket: int, amount: int, *, beyond: bool = False) -> Share | None:
        """As much of `amount` as the bucket has room for; None: it has none, or too many others are at it."""
        for _ in range(RACES):
            held = await self._sessions.get(self._key(bucket))
            life, level = _read(held)
            room = amount if beyond else min(amount, self._share(bucket) - level)
            if room <= 0:
                return None
            if await self._write(bucket, held, life, level + room):
                return Share(bucket, life, room)
        return None

    async def _drain(self, share: Share, amount: int) -> None:
        for _ in range(RACES):
            held = await self._sessions.get(self._key(share.bucket))
            life, level = _read(held)
            if life != share.life or await self._write(share.bucket, held, life, max(0, level - amount)):
                return

    async def _write(self, bucket: int, held: str | None, life: str, level: int) -> bool:
        key = self._key(bucket)
        return await self._sessions.compare_and_set(key, held, f"{life} {level}", ttl=self._window)

    def _share(self, bucket: int) -> int:
        """What the bucket holds: the shares of all add up to the limit."""
        return self._limit // self._buckets + (bucket < self._limit % self._buckets)

    def _key(self, bucket: int) -> str:
        return f"{self._prefix}/{bucket}"


def _read(held: str | None) -> tuple[str, int]:
    if held is None:
        return uuid.uuid4().hex[:12], 0
    life, _, level = held.partition(" ")
    return life, int(level)
