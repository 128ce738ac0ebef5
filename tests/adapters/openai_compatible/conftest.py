"""OpenAI's protocol: a stub of a server, and the model that asks it."""

from collections.abc import AsyncIterator, Iterator

import pytest

from tests.adapters.model_api.providers import Client, ProviderUnderTest, provider_under_test


@pytest.fixture
def provider() -> Iterator[ProviderUnderTest]:
    with provider_under_test("openai") as provider:
        yield provider


@pytest.fixture
async def model(provider: ProviderUnderTest) -> AsyncIterator[Client]:
    client = provider.client()
    yield client
    await client.close()
