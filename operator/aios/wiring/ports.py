"""The laptop's ports, opened in one state folder. The one list of which twin plays which port."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from aios.embedded.broker import SqliteBroker
from aios.embedded.counters import SqliteCounters
from aios.embedded.journal import SqliteJournal
from aios.embedded.knowledge import QdrantKnowledge
from aios.embedded.leases import SqliteLeases
from aios.embedded.object_store import FolderBuckets
from aios.embedded.resources import Event, SqliteResources
from aios.embedded.sessions import SqliteSessions
from aios.embedded.state_folder import StateFolder
from aios.ports.broker import Broker, BrokerAdmin
from aios.ports.counters import Counters
from aios.ports.journal import Journal
from aios.ports.knowledge import Knowledge
from aios.ports.leases import Leases
from aios.ports.object_store import BucketAdmin, ObjectStore
from aios.ports.resources import Resources
from aios.ports.sessions import Sessions
from aios.spec.base import Ref
from aios.wiring.metering import MeteredJournal

P = TypeVar("P")


class Instrument(Protocol):
    """Every port object passes through it once, by name, before anybody uses it: fault tests wrap them here."""

    def __call__(self, name: str, port: P, /) -> P: ...


def as_they_are(name: str, port: P, /) -> P:
    """No instrument."""
    del name
    return port


class _Closes(Protocol):
    async def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class LaptopPorts:
    """Open ports. `objects` gives a bucket's store by the bucket's name."""

    journal: Journal
    broker: Broker
    broker_admin: BrokerAdmin
    bucket_admin: BucketAdmin
    objects: Callable[[str], ObjectStore]
    sessions: Sessions
    leases: Leases
    counters: Counters
    knowledge: Knowledge
    resources: Resources
    events: Callable[[Ref], Awaitable[Sequence[Event]]]
    """What was told of an object; in a cluster the API server keeps these."""
    _close: tuple[_Closes, ...]

    async def close(self) -> None:
        """Finish what was begun and close every file."""
        for port in self._close:
            await port.close()


def open_ports(state: StateFolder, instrument: Instrument = as_they_are) -> LaptopPorts:
    """The ports in `state`, which must have been opened; files are made by their first use."""
    journal, broker, buckets = SqliteJournal(state.journal), SqliteBroker(state.broker), FolderBuckets(state.buckets)
    sessions, leases = SqliteSessions(state.sessions), SqliteLeases(state.leases)
    counters, resources = SqliteCounters(state.counters), SqliteResources(state.resources)
    knowledge = QdrantKnowledge(state.knowledge)
    stores: dict[str, ObjectStore] = {}

    def objects(bucket: str) -> ObjectStore:
        if bucket not in stores:
            store: ObjectStore = buckets.bucket(bucket)
            stores[bucket] = instrument("objects", store)
        return stores[bucket]

    return LaptopPorts(
        journal=MeteredJournal(instrument("journal", journal)),
        broker=instrument("broker", broker),
        broker_admin=instrument("broker_admin", broker),
        bucket_admin=instrument("bucket_admin", buckets),
        objects=objects,
        sessions=instrument("sessions", sessions),
        leases=instrument("leases", leases),
        counters=instrument("counters", counters),
        knowledge=instrument("knowledge", knowledge),
        resources=instrument("resources", resources),
        events=resources.events,
        _close=(resources, broker, buckets, sessions, leases, counters, knowledge, journal),
    )
