"""Holding a plan to a schema must not cost a plan where a server cannot."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from aios.errors import ModelCallError
from aios.naming import PLAN_TASK
from tests.adapters.model_api.providers import ASK, ProviderUnderTest, provider_under_test
from tests.servers.model_stub import Refuse, Say

PLAN = replace(ASK, labels={"task": PLAN_TASK})


@pytest.fixture
def provider() -> Iterator[ProviderUnderTest]:
    with provider_under_test("openai") as provider:
        yield provider


async def test_a_server_that_refuses_the_schema_is_asked_without_by_the_next_try(provider: ProviderUnderTest) -> None:
    provider.stub.script = [Refuse(400, "response_format is not supported"), Say('{"tasks": []}')]
    model = provider.client()
    with pytest.raises(ModelCallError, match="the next try goes without") as caught:
        await model.chat(PLAN)
    assert (caught.value.transient, caught.value.maybe_charged) == (True, False)
    assert (await model.chat(PLAN)).text == '{"tasks": []}'
    assert ["response_format" in asked.body for asked in provider.stub.chats] == [True, False]
    await model.close()


async def test_a_request_that_is_wrong_for_another_reason_is_then_refused_for_good(provider: ProviderUnderTest) -> None:
    provider.stub.always = Refuse(400, "too long")
    model = provider.client()
    for transient in (True, False, False):
        with pytest.raises(ModelCallError) as caught:
            await model.chat(PLAN)
        assert caught.value.transient is transient
    await model.close()
