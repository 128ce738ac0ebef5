"""Who the contract suites test. To join: one line in the port's tuple.

`open` makes a client of the store at a place. Clients of the same place, in whatever process, share what is there:
an embedded twin keeps it in that folder, a real server's adapter under a name that `name_of` makes of the folder.
`server` is the session fixture that runs the server; it says where in the environment, which child processes inherit.
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, Protocol, TypeVar

from aios.adapters.object_journal.journal import ObjectJournal
from aios.adapters.qdrant.knowledge import QdrantServerKnowledge
from aios.adapters.redis.counters import RedisCounters
from aios.adapters.redis.leases import RedisLeases
from aios.adapters.redis.sessions import RedisSessions
from aios.adapters.s3.buckets import S3Buckets
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
from tests.contract.rabbitmq import RabbitClient
from tests.memories.embedders import HashingEmbedder
from tests.servers.lossy import VARIABLE as LOSSY
from tests.servers.minio import VARIABLE as MINIO
from tests.servers.qdrant import VARIABLE as QDRANT
from tests.servers.redis import VARIABLE as REDIS
from tests.servers.s3 import made_bucket
from tests.servers.seaweedfs import VARIABLE as SEAWEEDFS


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


def _journal_on(objects: ObjectsClient) -> ObjectJournal:
    return ObjectJournal(objects, close=objects.close)


def _own(variable: str, place: Path) -> str:
    """An S3 server's URL with a prefix for this place's buckets."""
    return f"{os.environ[variable]}?prefix={name_of(place)}-"


JOURNALS: tuple[Implementation[JournalClient], ...] = (
    Implementation("sqlite", lambda place: SqliteJournal(place / "journal.db")),
    Implementation("object-folder", lambda place: _journal_on(FolderObjects(place / "journal"))),
    Implementation("minio", lambda place: _journal_on(made_bucket(os.environ[MINIO], name_of(place))), "minio"),
    Implementation(
        "minio-lossy", lambda place: _journal_on(made_bucket(os.environ[LOSSY], name_of(place))), "minio_lossy"
    ),
    Implementation(
        "seaweedfs", lambda place: _journal_on(made_bucket(os.environ[SEAWEEDFS], name_of(place))), "seaweedfs"
    ),
)
BROKERS: tuple[Implementation[BrokerClient], ...] = (
    # Nobody who is merely slow is taken for frozen.
    Implementation("sqlite", lambda place: SqliteBroker(place / "broker.db", delivery_limit=5, frozen_after=60.0)),
    Implementation("rabbitmq", lambda place: RabbitClient(place, delivery_limit=5), "rabbitmq"),
)
HASTY_BROKERS: Mapping[str, Callable[[Path], BrokerClient]] = {
    "sqlite": lambda place: SqliteBroker(place / "broker.db", delivery_limit=5, frozen_after=2.0)
}
"""Clients of those that notice within a test who is frozen, where the usual ones do not."""
OBJECT_STORES: tuple[Implementation[ObjectsClient], ...] = (
    Implementation("folder", lambda place: FolderObjects(place / "objects" / "bucket")),
    Implementation("minio", lambda place: made_bucket(os.environ[MINIO], name_of(place)), "minio"),
    Implementation("minio-lossy", lambda place: made_bucket(os.environ[LOSSY], name_of(place)), "minio_lossy"),
    Implementation("seaweedfs", lambda place: made_bucket(os.environ[SEAWEEDFS], name_of(place)), "seaweedfs"),
)
BUCKETS: tuple[Implementation[BucketsClient], ...] = (
    Implementation("folder", lambda place: FolderBuckets(place / "objects")),
    Implementation("minio", lambda place: S3Buckets(_own(MINIO, place)), "minio"),
    Implementation("seaweedfs", lambda place: S3Buckets(_own(SEAWEEDFS, place)), "seaweedfs"),
)
SESSIONS: tuple[Implementation[SessionsClient], ...] = (
    Implementation("sqlite", lambda place: SqliteSessions(place / "sessions.db")),
    Implementation("redis", lambda place: RedisSessions(os.environ[REDIS], name_of(place)), "redis_server"),
)
LEASES: tuple[Implementation[LeasesClient], ...] = (
    Implementation("sqlite", lambda place: SqliteLeases(place / "leases.db")),
    Implementation("redis", lambda place: RedisLeases(os.environ[REDIS], name_of(place)), "redis_server"),
)
COUNTERS: tuple[Implementation[CountersClient], ...] = (
    Implementation("sqlite", lambda place: SqliteCounters(place / "counters.db")),
    Implementation("redis", lambda place: RedisCounters(os.environ[REDIS], name_of(place)), "redis_server"),
)
KNOWLEDGE: tuple[Implementation[KnowledgeClient], ...] = (
    Implementation("qdrant-local", lambda place: QdrantKnowledge(place / "knowledge")),
    Implementation("qdrant-local-hybrid", lambda place: QdrantKnowledge(place / "knowledge", HashingEmbedder())),
    Implementation("qdrant", lambda place: QdrantServerKnowledge(os.environ[QDRANT], name_of(place)), "qdrant_server"),
    Implementation(
        "qdrant-hybrid",
        lambda place: QdrantServerKnowledge(os.environ[QDRANT], name_of(place), HashingEmbedder()),
        "qdrant_server",
    ),
)
RESOURCES: tuple[Implementation[ResourcesClient], ...] = (
    Implementation("sqlite", lambda place: SqliteResources(place / "resources.db")),
)
DELIVERY_LIMIT = 5
"""What the brokers above are opened with."""
