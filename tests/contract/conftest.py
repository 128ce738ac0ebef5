"""A client of each implementation in turn, on a store of its own."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.contract import implementations as known
from tests.contract.implementations import (
    BrokerClient,
    BucketsClient,
    C_co,
    CountersClient,
    Implementation,
    JournalClient,
    KnowledgeClient,
    LeasesClient,
    ObjectsClient,
    ResourcesClient,
    SessionsClient,
)


def _served(request: pytest.FixtureRequest, implementation: Implementation[C_co]) -> Implementation[C_co]:
    """With its server running; skips where that cannot be had."""
    if implementation.server:
        request.getfixturevalue(implementation.server)
    return implementation


@pytest.fixture(params=known.JOURNALS, ids=str)
def journals(request: pytest.FixtureRequest) -> Implementation[JournalClient]:
    found: Implementation[JournalClient] = request.param
    return _served(request, found)


@pytest.fixture
async def journal(journals: Implementation[JournalClient], tmp_path: Path) -> AsyncIterator[JournalClient]:
    client = journals.open(tmp_path)
    yield client
    await client.close()


@pytest.fixture(params=known.BROKERS, ids=str)
def brokers(request: pytest.FixtureRequest) -> Implementation[BrokerClient]:
    found: Implementation[BrokerClient] = request.param
    return _served(request, found)


@pytest.fixture
async def broker(brokers: Implementation[BrokerClient], tmp_path: Path) -> AsyncIterator[BrokerClient]:
    client = brokers.open(tmp_path)
    await client.ensure_queue("work")
    yield client
    await client.close()


@pytest.fixture(params=known.OBJECT_STORES, ids=str)
def object_stores(request: pytest.FixtureRequest) -> Implementation[ObjectsClient]:
    found: Implementation[ObjectsClient] = request.param
    return _served(request, found)


@pytest.fixture
async def objects(object_stores: Implementation[ObjectsClient], tmp_path: Path) -> AsyncIterator[ObjectsClient]:
    client = object_stores.open(tmp_path)
    yield client
    await client.close()


@pytest.fixture(params=known.BUCKETS, ids=str)
async def buckets(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[BucketsClient]:
    implementation: Implementation[BucketsClient] = request.param
    client = _served(request, implementation).open(tmp_path)
    yield client
    await client.close()


@pytest.fixture(params=known.SESSIONS, ids=str)
def session_stores(request: pytest.FixtureRequest) -> Implementation[SessionsClient]:
    found: Implementation[SessionsClient] = request.param
    return _served(request, found)


@pytest.fixture
async def sessions(session_stores: Implementation[SessionsClient], tmp_path: Path) -> AsyncIterator[SessionsClient]:
    client = session_stores.open(tmp_path)
    yield client
    await client.close()


@pytest.fixture(params=known.LEASES, ids=str)
def lease_stores(request: pytest.FixtureRequest) -> Implementation[LeasesClient]:
    found: Implementation[LeasesClient] = request.param
    return _served(request, found)


@pytest.fixture
async def leases(lease_stores: Implementation[LeasesClient], tmp_path: Path) -> AsyncIterator[LeasesClient]:
    client = lease_stores.open(tmp_path)
    yield client
    await client.close()


@pytest.fixture(params=known.COUNTERS, ids=str)
def counter_stores(request: pytest.FixtureRequest) -> Implementation[CountersClient]:
    found: Implementation[CountersClient] = request.param
    return _served(request, found)


@pytest.fixture
async def counters(counter_stores: Implementation[CountersClient], tmp_path: Path) -> AsyncIterator[CountersClient]:
    client = counter_stores.open(tmp_path)
    yield client
    await client.close()


@pytest.fixture(params=known.KNOWLEDGE, ids=str)
def knowledge_stores(request: pytest.FixtureRequest) -> Implementation[KnowledgeClient]:
    found: Implementation[KnowledgeClient] = request.param
    return _served(request, found)


@pytest.fixture
async def knowledge(
    knowledge_stores: Implementation[KnowledgeClient], tmp_path: Path
) -> AsyncIterator[KnowledgeClient]:
    client = knowledge_stores.open(tmp_path)
    yield client
    await client.close()


@pytest.fixture(params=known.RESOURCES, ids=str)
def resource_stores(request: pytest.FixtureRequest) -> Implementation[ResourcesClient]:
    found: Implementation[ResourcesClient] = request.param
    return _served(request, found)


@pytest.fixture
async def resources(resource_stores: Implementation[ResourcesClient], tmp_path: Path) -> AsyncIterator[ResourcesClient]:
    client = resource_stores.open(tmp_path)
    yield client
    await client.close()
