"""OpenAI's protocol: a stub of a server."""

from collections.abc import Iterator

import pytest

from tests.adapters.model_api.providers import ProviderUnderTest, provider_under_test


@pytest.fixture
def provider() -> Iterator[ProviderUnderTest]:
    with provider_under_test("openai") as provider:
        yield provider
