"""Workloads whose replicas somebody else starts: `aios worker --agent NAMESPACE/NAME`, any number, on any host.

Applying publishes the configuration; replicas are seen by their heartbeats. Refuses to start or stop anything.
"""

import json
from collections.abc import Awaitable, Callable, Sequence

from aios.adapters.published.publication import Publication, find, publish, published, withdraw
from aios.desired.nouns import Worker
from aios.errors import InvalidSpecError, NotFoundError
from aios.naming import bucket_name, worker_session
from aios.ports.object_store import ObjectStore
from aios.ports.sessions import Sessions
from aios.ports.workloads import ObservedWorker


class PublishedWorkloads:
    """Workloads."""

    def __init__(
        self, objects: Callable[[str], ObjectStore], sessions: Sessions, journal: Callable[[], Awaitable[str]]
    ) -> None:
        """`objects` gives a bucket's store by the bucket's name, `journal` the identity of the engine's journal."""
        self._objects, self._sessions, self._journal = objects, sessions, journal
        self._identity = ""

    async def apply(self, worker: Worker) -> None:
        self._identity = self._identity or await self._journal()
        told = Publication(replicas=worker.replicas, config=worker.config, journal=self._identity)
        await publish(self._bucket(worker.namespace), told)

    async def observe(self, namespace: str, agent: str | None = None) -> Sequence[ObservedWorker]:
        bucket = self._bucket(namespace)
        try:
            agents = await published(bucket) if agent is None else (agent,)
            found = [await self._observe(namespace, name) for name in agents]
        except NotFoundError:  # no bucket yet: nothing was ever published there
            return ()
        return [one for one in found if one is not None]

    async def delete(self, namespace: str, agent: str) -> None:
        await withdraw(self._bucket(namespace), agent)

    async def _observe(self, namespace: str, agent: str) -> ObservedWorker | None:
        try:
            publication = await find(self._bucket(namespace), agent)
        except InvalidSpecError:
            return None  # of another version: it will be published anew
        if publication is None:
            return None
        beats = await self._sessions.scan(worker_session(namespace, agent, ""))
        none_yet = f"start one with `aios worker --agent {namespace}/{agent}`"
        obstacles = sorted(obstacle for beat in beats.values() if (obstacle := _obstacle(beat)))
        return ObservedWorker(
            namespace=namespace,
            agent=agent,
            replicas=len(beats),
            ready=len(beats) - len(obstacles),
            config_digest=publication.config.digest,
            message=next(iter(obstacles), none_yet if not beats else ""),
        )

    def _bucket(self, namespace: str) -> ObjectStore:
        return self._objects(bucket_name(namespace))


def _obstacle(heartbeat: str) -> str:
    """Why who sent it takes no task; empty when nothing is in its way."""
    try:
        beat = json.loads(heartbeat)
    except ValueError:
        return ""
    return str(beat.get("obstacle", "")) if isinstance(beat, dict) else ""
