"""Workloads whose replicas somebody else starts: `aios worker --agent NAMESPACE/NAME`, any number, on any host.

Applying publishes the configuration; replicas are seen by their heartbeats. Refuses to start or stop anything.
"""

from collections.abc import Callable, Sequence

from aios.adapters.published.publication import Publication, find, publish, published, withdraw
from aios.desired.nouns import Worker
from aios.errors import InvalidSpecError, NotFoundError
from aios.naming import bucket_name, worker_session
from aios.ports.object_store import ObjectStore
from aios.ports.sessions import Sessions
from aios.ports.workloads import ObservedWorker


class PublishedWorkloads:
    """Workloads."""

    def __init__(self, objects: Callable[[str], ObjectStore], sessions: Sessions) -> None:
        """`objects` gives a bucket's store by the bucket's name."""
        self._objects, self._sessions = objects, sessions

    async def apply(self, worker: Worker) -> None:
        await publish(self._bucket(worker.namespace), Publication(replicas=worker.replicas, config=worker.config))

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
        return ObservedWorker(
            namespace=namespace,
            agent=agent,
            replicas=len(beats),
            ready=len(beats),
            config_digest=publication.config.digest,
            message="" if beats else f"start one with `aios worker --agent {namespace}/{agent}`",
        )

    def _bucket(self, namespace: str) -> ObjectStore:
        return self._objects(bucket_name(namespace))
