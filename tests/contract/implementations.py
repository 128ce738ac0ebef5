"""Who the contract suites test. To join: one line in the port's tuple.

`open` makes a client of the store at a place. Clients of the same place, in whatever process, share what is there:
an embedded twin keeps it in that folder, a real server's adapter under a name that `name_of` makes of the folder.
`server` is the session fixture that runs the server; it says where in the environment, which child processes inherit.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, Protocol, TypeVar

from aios.embedded.broker import SqliteBroker
from aios.embedded.counters import SqliteCounters
from aios.embedded.journal import SqliteJournal
from aios.embedded.knowledge import QdrantKnowledge
from aios.embedded.leases import SqliteLeases
from aios.embedded.object_store import FolderBuckets, FolderObjects
from aios.embedded.resources import SqliteResources
from aios.embedded.sessions import SqliteSessions
from aios.naming import digest
from aios.ports.broker import Broker, BrokerAdmin
from aios.ports.counters import Counters
from aios.ports.journal import Journal
from aios.ports.knowledge import Knowledge
from aios.ports.leases import Leases
from aios.ports.object_store import BucketAdmin, ObjectStore
from aios.ports.resources import Resources
from aios.ports.sessions import Sessions
from aios.spec.base import Ref


class Closable(Protocol):
    """What every client has besides its port."""

    async def close(self) -> None: ...


class JournalClient(Journal, Closable, Protocol): ...


class BrokerClient(Broker, BrokerAdmin, Closable, Protocol): ...


class ObjectsClient(ObjectStore, Closable, Protocol): ...


class BucketsClient(BucketAdmin, Closable, Protocol):
    def bucket(self, name: str) -> ObjectStore: ...


class SessionsClient(Sessions, Closable, Protocol): ...


class LeasesClient(Leases, Closable, Protocol): ...


class CountersClient(Counters, Closable, Protocol): ...


class KnowledgeClient(Knowledge, Closable, Protocol): ...


class ResourcesClient(Resources, Closable, Protocol):
    async def scale(self, ref: Ref, replicas: int, *, manager: str = "kubectl") -> None: ...


C_co = TypeVar("C_co", bound=Closable, covariant=True)


@dataclass(frozen=True)
class Implementation(Generic[C_co]):
    """One way to keep a port's promises."""

    name: str
    open: Callable[[Path], C_co]
    server: str = ""

    def __str__(self) -> str:
        return self.name


def name_of(place: Path) -> str:
    """A vhost, prefix or bucket part of its own for each place: 12 hex digits."""
    return digest(str(place))[:12]


JOURNALS: tuple[Implementation[JournalClient], ...] = (
    Implementation("sqlite", lambda place: SqliteJournal(place / "journal.db")),
)
BROKERS: tuple[Implementation[BrokerClient], ...] = (
    Implementation("sqlite", lambda place: SqliteBroker(place / "broker.db", delivery_limit=5, frozen_after=2.0)),
)
OBJECT_STORES: tuple[Implementation[ObjectsClient], ...] = (
    Implementation("folder", lambda place: FolderObjects(place / "objects" / "bucket")),
)
BUCKETS: tuple[Implementation[BucketsClient], ...] = (
    Implementation("folder", lambda place: FolderBuckets(place / "objects")),
)
SESSIONS: tuple[Implementation[SessionsClient], ...] = (
    Implementation("sqlite", lambda place: SqliteSessions(place / "sessions.db")),
)
LEASES: tuple[Implementation[LeasesClient], ...] = (
    Implementation("sqlite", lambda place: SqliteLeases(place / "leases.db")),
)
COUNTERS: tuple[Implementation[CountersClient], ...] = (
    Implementation("sqlite", lambda place: SqliteCounters(place / "counters.db")),
)
KNOWLEDGE: tuple[Implementation[KnowledgeClient], ...] = (
    Implementation("qdrant-local", lambda place: QdrantKnowledge(place / "knowledge")),
)
RESOURCES: tuple[Implementation[ResourcesClient], ...] = (
    Implementation("sqlite", lambda place: SqliteResources(place / "resources.db")),
)
DELIVERY_LIMIT = 5
"""What the brokers above are opened with."""
