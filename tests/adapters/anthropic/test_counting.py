"""Counting tokens, and what doctor is told, by the real library."""

from collections.abc import Iterator

import pytest

from aios.adapters.anthropic.model import AnthropicModel
from aios.errors import ModelCallError
from tests.adapters.model_api.providers import WITH_TOOLS, ProviderUnderTest, key, provider_under_test
from tests.servers.anthropic_dialect import AnthropicDialect


@pytest.fixture
def provider() -> Iterator[ProviderUnderTest]:
    with provider_under_test("anthropic") as provider:
        yield provider


async def test_tokens_are_counted_by_the_provider_without_a_chat(provider: ProviderUnderTest) -> None:
    model = AnthropicModel("strong", provider.spec(), key)
    assert await model.count_tokens(WITH_TOOLS) > 0
    await model.close()
    (asked,) = provider.stub.requests
    assert asked.path == "/v1/messages/count_tokens"
    assert set(asked.body) == {"model", "messages", "system", "tools"}
    assert provider.stub.chats == []


async def test_a_server_that_cannot_count_says_so(provider: ProviderUnderTest) -> None:
    assert isinstance(provider.stub.dialect, AnthropicDialect)
    provider.stub.dialect.counts = False
    model = AnthropicModel("strong", provider.spec(), key)
    with pytest.raises(ModelCallError, match="answered 404"):
        await model.count_tokens(WITH_TOOLS)
    await model.close()


@pytest.mark.parametrize("path", ["", "/", "/v1", "/v1/"])
async def test_an_endpoint_may_end_in_v1(provider: ProviderUnderTest, path: str) -> None:
    model = AnthropicModel("strong", provider.spec(endpoint=provider.stub.url + path), key)
    await model.chat(WITH_TOOLS)
    await model.close()
    assert [asked.path for asked in provider.stub.requests] == ["/v1/messages"]
