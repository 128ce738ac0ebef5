"""Every protocol in turn: a stub of a server, and the model that asks it."""

from collections.abc import AsyncIterator, Iterator

import pytest

from tests.adapters.model_api.providers import NAMES, Client, ProviderUnderTest, provider_under_test


@pytest.fixture(params=NAMES)
def provider(request: pytest.FixtureRequest) -> Iterator[ProviderUnderTest]:
    with provider_under_test(request.param) as provider:
        yield provider


@pytest.fixture
async def model(provider: ProviderUnderTest) -> AsyncIterator[Client]:
    client = provider.client()
    yield client
    await client.close()
