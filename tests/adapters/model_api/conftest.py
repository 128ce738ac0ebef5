"""Every protocol in turn: a stub of a server."""

from collections.abc import Iterator

import pytest

from tests.adapters.model_api.providers import NAMES, ProviderUnderTest, provider_under_test


@pytest.fixture(params=NAMES)
def provider(request: pytest.FixtureRequest) -> Iterator[ProviderUnderTest]:
    with provider_under_test(request.param) as provider:
        yield provider
