"""The model that asks whatever `provider` a folder's tests are about."""

from collections.abc import AsyncIterator

import pytest

from tests.adapters.model_api.providers import Client, ProviderUnderTest


@pytest.fixture
async def model(provider: ProviderUnderTest) -> AsyncIterator[Client]:
    client = provider.client()
    yield client
    await client.close()
