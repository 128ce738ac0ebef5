"""The ports of a process, opened: each a real service where a URL is stated, else its twin in the state folder. The
one list of who plays which port."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Protocol

from aios.embedded.broker import SqliteBroker
from aios.embedded.counters import SqliteCounters
from aios.embedded.journal import SqliteJournal
from aios.embedded.knowledge import QdrantKnowledge
from aios.embedded.leases import SqliteLeases
from aios.embedded.object_store import FolderBuckets
from aios.embedded.resources import Event, SqliteResources
from aios.embedded.sessions import SqliteSessions
from aios.embedded.state_folder import StateFolder
from aios.errors import EnvironmentProblemError, MissingExtraError
from aios.ports.broker import Broker, BrokerAdmin
from aios.ports.counters import Counters
from aios.ports.journal import Journal
from aios.ports.knowledge import Knowledge
from aios.ports.leases import Leases
from aios.ports.object_store import BucketAdmin, ObjectStore
from aios.ports.resources import Resources
from aios.ports.sessions import Sessions
from aios.spec.base import Ref
from aios.wiring.embedders import open_embedder
from aios.wiring.instrument import Instrument, as_they_are
from aios.wiring.metering import MeteredJournal
from aios.wiring.services import Services
from aios.wiring.truth import keep_to
from aios.wiring.unconfigured import NoKnowledge

if TYPE_CHECKING:
    from aios.adapters.redis.announcements import RedisAnnouncements

log = logging.getLogger(__name__)

CLOSE_SECONDS, LEAST_CLOSE_SECONDS = 2.0, 0.2
"""For all ports together, and for each when others have used that up."""
JOURNAL_BUCKET = "aios-journal"
PREFIX = "aios"
"""Before every name in a server that others may use too."""


class _Buckets(BucketAdmin, Protocol):
    def bucket(self, name: str) -> ObjectStore: ...

    async def close(self) -> None: ...


class _Closes(Protocol):
    async def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class WorkPorts:
    """What engines and workers work through. `objects` gives a bucket's store by the bucket's name."""

    journal: Journal
    broker: Broker
    broker_admin: BrokerAdmin
    bucket_admin: BucketAdmin
    objects: Callable[[str], ObjectStore]
    sessions: Sessions
    leases: Leases
    counters: Counters
    knowledge: Knowledge
    prepare: Callable[[], Awaitable[None]]
    """Make what the journal itself needs before its first use: its bucket. For whoever may make buckets."""
    _close: tuple[_Closes, ...]

    async def close(self) -> None:
        """Finish what was begun and close every file and connection; a server that is frozen is not waited for."""
        loop = asyncio.get_running_loop()
        until = loop.time() + CLOSE_SECONDS
        for port in self._close:
            try:
                async with asyncio.timeout_at(max(until, loop.time() + LEAST_CLOSE_SECONDS)):
                    await port.close()
            except TimeoutError:
                log.warning("%s was left as it is: it did not close in time", type(port).__name__)


@dataclass(frozen=True, slots=True)
class LaptopPorts(WorkPorts):
    """The same, and the resources that a state folder holds."""

    resources: Resources
    events: Callable[[Ref], Awaitable[Sequence[Event]]]
    """What was told of an object; in a cluster the API server keeps these."""
    gone: Callable[[], Awaitable[Sequence[Ref]]]
    """What was deleted, perhaps while nobody ran; in a cluster finalizers wait for the operator."""
    shared: bool
    """Whether the journal may hold runs of projects that other installations declare."""


def open_ports(
    state: StateFolder, services: Services | None = None, instrument: Instrument = as_they_are
) -> LaptopPorts:
    """The ports in `state`, which must have been opened; files are made and servers asked by their first use. Without
    `services` all are embedded.

    Raises EnvironmentProblemError when what the folder's projects have done so far lies with other services.
    """
    services = services or Services()
    keep_to(state, services)
    resources = SqliteResources(state.resources)
    work = open_work_ports(state, services, instrument)
    shared = {name: getattr(work, name) for name in WorkPorts.__slots__ if name != "_close"}
    return LaptopPorts(
        **shared,
        resources=instrument("resources", resources),
        events=resources.events,
        gone=resources.gone,
        shared=bool(services.journal),
        _close=(resources, *work._close),
    )


def open_work_ports(state: StateFolder | None, services: Services, instrument: Instrument = as_they_are) -> WorkPorts:
    """Without a state folder every port but Knowledge must be a service; raises EnvironmentProblemError naming the
    variables that are missing."""
    if state is None and (missing := services.missing()):
        raise EnvironmentProblemError(
            f"without a state folder these must be stated: {', '.join(missing)}; `aios doctor` says what each is"
        )
    with _installed():
        broker, broker_admin, broker_parts = _broker(state, services)
        buckets = _buckets(state, services.objects)
        sessions, leases, counters, vanishing_parts = _vanishing(state, services)
        knowledge, knowledge_parts = _knowledge(state, services, sessions, instrument)
        journal, prepare, journal_parts = _journal(state, services, instrument)
    stores: dict[str, ObjectStore] = {}

    def objects(bucket: str) -> ObjectStore:
        if bucket not in stores:
            store: ObjectStore = buckets.bucket(bucket)
            stores[bucket] = instrument("objects", store)
        return stores[bucket]

    return WorkPorts(
        journal=MeteredJournal(instrument("journal", journal)),
        broker=instrument("broker", broker),
        broker_admin=instrument("broker_admin", broker_admin),
        bucket_admin=instrument("bucket_admin", buckets),
        objects=objects,
        sessions=instrument("sessions", sessions),
        leases=instrument("leases", leases),
        counters=instrument("counters", counters),
        knowledge=instrument("knowledge", knowledge),
        prepare=prepare,
        _close=(*broker_parts, buckets, *knowledge_parts, *vanishing_parts, *journal_parts),
    )


@contextmanager
def _installed() -> Iterator[None]:
    """Name the extra when a client library is missing."""
    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("aios"):
            raise
        raise MissingExtraError(
            "memory" if error.name == "qdrant_client" else "services",
            f"there is no Python module {error.name} here: the client of a real service",
        ) from error


def _broker(state: StateFolder | None, services: Services) -> tuple[Broker, BrokerAdmin, tuple[_Closes, ...]]:
    if services.broker:
        from aios.adapters.rabbitmq.broker import RabbitBroker
        from aios.adapters.rabbitmq.topology import RabbitAdmin

        broker = RabbitBroker(services.broker)
        admin = RabbitAdmin(services.broker, services.broker_admin)
        return broker, admin, (broker, admin)
    embedded = SqliteBroker(_folder(state).broker)
    return embedded, embedded, (embedded,)


def _buckets(state: StateFolder | None, url: str) -> _Buckets:
    if url:
        from aios.adapters.s3.buckets import S3Buckets

        return S3Buckets(url)
    return FolderBuckets(_folder(state).buckets)


def _journal(
    state: StateFolder | None, services: Services, instrument: Instrument
) -> tuple[Journal, Callable[[], Awaitable[None]], tuple[_Closes, ...]]:
    if services.journal:
        from aios.adapters.object_journal.journal import ObjectJournal
        from aios.adapters.s3.buckets import S3Buckets

        buckets = S3Buckets(services.journal)
        objects: ObjectStore = instrument("journal_objects", buckets.bucket(JOURNAL_BUCKET))
        admin: BucketAdmin = instrument("journal_bucket", buckets)
        doorbell, parts = _doorbell(services)
        journal = ObjectJournal(objects, doorbell=doorbell, erase=partial(admin.erase, JOURNAL_BUCKET))
        return journal, partial(admin.ensure_bucket, JOURNAL_BUCKET), (journal, *parts, buckets)
    embedded = SqliteJournal(_folder(state).journal)
    return embedded, _nothing, (embedded,)


def _doorbell(services: Services) -> "tuple[RedisAnnouncements | None, tuple[_Closes, ...]]":
    """Without one, processes that share a journal look once a second."""
    if not services.sessions:
        return None, ()
    from aios.adapters.redis.announcements import RedisAnnouncements

    doorbell = RedisAnnouncements(services.sessions, PREFIX, "journal")
    return doorbell, (doorbell,)


async def _nothing() -> None:
    """A twin makes its files by itself."""


def _vanishing(state: StateFolder | None, services: Services) -> tuple[Sessions, Leases, Counters, tuple[_Closes, ...]]:
    if services.sessions:
        from aios.adapters.redis.counters import RedisCounters
        from aios.adapters.redis.leases import RedisLeases
        from aios.adapters.redis.sessions import RedisSessions

        url = services.sessions
        parts = (RedisSessions(url, PREFIX), RedisLeases(url, PREFIX), RedisCounters(url, PREFIX))
        return (*parts, parts)
    folder = _folder(state)
    twins = (SqliteSessions(folder.sessions), SqliteLeases(folder.leases), SqliteCounters(folder.counters))
    return (*twins, twins)


def _knowledge(
    state: StateFolder | None, services: Services, sessions: Sessions, instrument: Instrument
) -> tuple[Knowledge, tuple[_Closes, ...]]:
    embedder = open_embedder(services.embeddings, sessions, instrument)
    if services.knowledge:
        from aios.adapters.qdrant.knowledge import QdrantServerKnowledge

        served = QdrantServerKnowledge(services.knowledge, PREFIX, embedder)
        return served, (served,)
    if state is None:
        return NoKnowledge(), ()
    embedded = QdrantKnowledge(state.knowledge, embedder)
    return embedded, (embedded,)


def _folder(state: StateFolder | None) -> StateFolder:
    if state is None:  # `open_work_ports` has asked for the URL before
        raise EnvironmentProblemError("no state folder and no URL of a service")
    return state
