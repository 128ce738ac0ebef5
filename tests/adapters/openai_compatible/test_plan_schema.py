"""What a server cannot take must cost no answer: the next try leaves it out."""

import json
from dataclasses import replace

import pytest

from aios.errors import ModelCallError
from aios.naming import PLAN_TASK
from tests.adapters.model_api.providers import ASK, ProviderUnderTest
from tests.servers.model_stub import Plain, Refuse, Say

PLAN = replace(ASK, labels={"task": PLAN_TASK})


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
    provider.stub.always = Refuse(400, "not so")
    model = provider.client()
    for transient in (True, False, False):
        with pytest.raises(ModelCallError) as caught:
            await model.chat(PLAN)
        assert caught.value.transient is transient
    await model.close()


async def test_a_server_that_refuses_to_count_is_asked_without_from_then_on(provider: ProviderUnderTest) -> None:
    provider.stub.script = [Refuse(422, "stream_options: Extra inputs are not permitted")]
    model = provider.client()
    with pytest.raises(ModelCallError, match="the next try goes without") as caught:
        await model.chat(ASK)
    assert (caught.value.transient, caught.value.maybe_charged) == (True, False)
    assert [(await model.chat(ASK)).text for _ in range(2)] == ["ok", "ok"]
    assert ["stream_options" in asked.body for asked in provider.stub.chats] == [True, False, False]
    await model.close()


async def test_an_error_that_older_servers_stream_without_its_field_is_told(provider: ProviderUnderTest) -> None:
    said = {"object": "error", "message": "too many images", "type": "BadRequestError", "code": 400}
    provider.stub.script = [Plain(f"data: {json.dumps(said)}\n\ndata: [DONE]\n\n", "text/event-stream")]
    model = provider.client()
    with pytest.raises(ModelCallError, match="too many images") as caught:
        await model.chat(ASK)
    assert (caught.value.transient, caught.value.maybe_charged) == (False, False)
    await model.close()
