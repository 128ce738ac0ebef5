"""Of several operators one acts: a coordination.k8s.io Lease, after client-go's leader election.

No two hosts' clocks are compared: a holder counts as gone when its Lease did not change for a whole duration by our
own monotonic clock. A holder that cannot renew stops acting before anybody else may start: its time runs from before
the renewal was sent, theirs from after it was stored, and no answer is waited for any longer.
"""

import asyncio
import logging
from datetime import UTC, datetime
from typing import Any

from aios.adapters.kubernetes.api import Api, ConflictingWriteError, Manifest
from aios.errors import AiosError
from aios.ports.clock import Clock

log = logging.getLogger(__name__)

DURATION = 15.0
"""Seconds without a renewal after which a holder counts as gone."""
RENEW_EVERY = 4.0
GIVE_UP_AFTER = 10.0
"""Seconds after the last renewal that succeeded was sent, after which the holder itself stops. It has the rest of
DURATION to do so."""


class LeadershipLostError(AiosError):
    """Another operator may be acting: stop at once."""


class Leadership:
    """One contender for one Lease."""

    def __init__(self, api: Api, clock: Clock, *, namespace: str, name: str, identity: str) -> None:
        self._api, self._clock = api, clock
        self._namespace, self._name, self._identity = namespace, name, identity
        self._seen: tuple[str, float] = ("", 0.0)
        self._renewed = float("-inf")

    async def acquire(self) -> None:
        """Return once this contender holds the Lease."""
        while not (await self._try() and self._left() > 0):
            await self._clock.sleep(RENEW_EVERY / 2)

    async def hold(self) -> None:
        """Renew for ever. Raises LeadershipLostError when another holds the Lease, or nobody can tell."""
        pause, failure = RENEW_EVERY - self._age(), "no answer came in time"
        while True:
            await self._clock.sleep(max(min(pause, self._left()), 0.0))
            try:
                mine = await self._try_in_time()
            except TimeoutError as error:
                raise LeadershipLostError(
                    f"Lease {self._namespace}/{self._name} could not be renewed for {GIVE_UP_AFTER:g} s: {failure}"
                ) from error
            except AiosError as error:
                pause, failure = RENEW_EVERY / 2, str(error)
                log.warning("Lease %s/%s is not renewed yet: %s", self._namespace, self._name, error)
                continue
            if not mine:
                raise LeadershipLostError(f"another operator holds Lease {self._namespace}/{self._name}")
            pause, failure = RENEW_EVERY - self._age(), "no answer came in time"

    async def release(self) -> None:
        """Let the next one start at once. No change when another holds it."""
        live = await self._api.get("Lease", self._namespace, self._name)
        if live is not None and live["spec"].get("holderIdentity") == self._identity:
            await self._write(live, holder="")

    def _age(self) -> float:
        return self._clock.monotonic() - self._renewed

    def _left(self) -> float:
        return GIVE_UP_AFTER - self._age()

    async def _try_in_time(self) -> bool:
        """Raises TimeoutError when it is too late, also for the answer: then it may count, and we do not know."""
        left = self._left()
        if left <= 0:
            raise TimeoutError
        async with asyncio.timeout(left):
            return await self._try()

    async def _try(self) -> bool:
        live = await self._api.get("Lease", self._namespace, self._name)
        if live is not None and not self._may_take(live):
            return False
        asked = self._clock.monotonic()
        try:
            await self._write(live, holder=self._identity)
        except ConflictingWriteError:
            return False
        self._renewed = asked
        return True

    def _may_take(self, live: Manifest) -> bool:
        version = live["metadata"]["resourceVersion"]
        now = self._clock.monotonic()
        if version != self._seen[0]:
            self._seen = version, now
        return live["spec"].get("holderIdentity", "") in {"", self._identity} or now - self._seen[1] > DURATION

    async def _write(self, live: Manifest | None, *, holder: str) -> None:
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        before: dict[str, Any] = dict(live["spec"]) if live is not None else {}
        if before.get("holderIdentity") != holder:
            before["acquireTime"] = now
            before["leaseTransitions"] = before.get("leaseTransitions", 0) + (1 if live is not None else 0)
        spec = {**before, "holderIdentity": holder, "leaseDurationSeconds": int(DURATION), "renewTime": now}
        head: dict[str, Any] = {"name": self._name, "namespace": self._namespace}
        lease = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": head, "spec": spec}
        if live is None:
            await self._api.create(lease)
            return
        head["resourceVersion"] = live["metadata"]["resourceVersion"]
        await self._api.replace(lease)
