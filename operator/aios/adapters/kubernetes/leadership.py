"""Of several operators one acts: a coordination.k8s.io Lease, after client-go's leader election.

No two hosts' clocks are compared: a holder counts as gone when its Lease did not change for a whole duration by our
own monotonic clock. A holder that cannot renew stops acting before anybody else may start.
"""

from datetime import UTC, datetime
from typing import Any

from aios.adapters.kubernetes.api import Api, ConflictingWriteError, Manifest
from aios.errors import AiosError
from aios.ports.clock import Clock

DURATION = 15.0
"""Seconds without a renewal after which a holder counts as gone."""
RENEW_EVERY = 4.0
GIVE_UP_AFTER = 10.0
"""Seconds without a successful renewal after which the holder itself stops."""


class LeadershipLostError(AiosError):
    """Another operator may be acting: stop at once."""


class Leadership:
    """One contender for one Lease."""

    def __init__(self, api: Api, clock: Clock, *, namespace: str, name: str, identity: str) -> None:
        self._api, self._clock = api, clock
        self._namespace, self._name, self._identity = namespace, name, identity
        self._seen: tuple[str, float] = ("", 0.0)

    async def acquire(self) -> None:
        """Return once this contender holds the Lease."""
        while not await self._try():
            await self._clock.sleep(RENEW_EVERY / 2)

    async def hold(self) -> None:
        """Renew for ever. Raises LeadershipLostError when another holds the Lease, or nobody can tell."""
        renewed = self._clock.monotonic()
        while True:
            await self._clock.sleep(RENEW_EVERY)
            try:
                mine = await self._try()
            except AiosError as error:
                if self._clock.monotonic() - renewed > GIVE_UP_AFTER:
                    raise LeadershipLostError(f"the Lease could not be renewed: {error}") from error
                continue
            if not mine:
                raise LeadershipLostError(f"another operator holds Lease {self._namespace}/{self._name}")
            renewed = self._clock.monotonic()

    async def release(self) -> None:
        """Let the next one start at once. No change when another holds it."""
        live = await self._api.get("Lease", self._namespace, self._name)
        if live is not None and live["spec"].get("holderIdentity") == self._identity:
            await self._write(live, holder="")

    async def _try(self) -> bool:
        live = await self._api.get("Lease", self._namespace, self._name)
        if live is not None and not self._may_take(live):
            return False
        try:
            await self._write(live, holder=self._identity)
        except ConflictingWriteError:
            return False
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
