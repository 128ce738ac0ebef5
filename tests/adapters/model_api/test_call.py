"""The end of one call, by the vendor's own library: what is whole is not thrown away for what follows it."""

import asyncio

import pytest

from aios.adapters.model_api import call as call_module
from aios.tasks.attempt_events import Usage
from tests.adapters.model_api.providers import WITH_TOOLS, Client, ProviderUnderTest, provider_under_test
from tests.servers.model_stub import Say, Stall
from tests.servers.waiting import eventually


@pytest.mark.parametrize("frames", [-1, 1_000])
async def test_an_answer_that_is_whole_waits_for_no_connection_that_stands_still(
    provider: ProviderUnderTest, frames: int
) -> None:
    """Its end has come and its tokens are counted: nothing else is needed."""
    model = provider.client(provider.spec(call_timeout="20s"))
    await model.chat(WITH_TOOLS)  # with all it has to import
    provider.stub.script = [Stall(1_000 if provider.name == "anthropic" else frames)]
    started = asyncio.get_running_loop().time()
    reply = await model.chat(WITH_TOOLS)
    assert (reply.text, reply.usage) == ("one two three four five six", Say().usage)
    assert asyncio.get_running_loop().time() - started < 15, "that is not its deadline"
    await asyncio.to_thread(eventually, lambda: provider.stub.gone == 1, what="the client goes away")
    await model.close()


async def test_one_connection_serves_call_after_call(model: Client, provider: ProviderUnderTest) -> None:
    for _ in range(3):
        await model.chat(WITH_TOOLS)
    assert len({asked.peer for asked in provider.stub.chats}) == 1


@pytest.mark.parametrize(("call_timeout", "rest"), [("20s", 0.6), ("3s", 5.0)])
async def test_an_answer_that_is_whole_waits_for_its_count_a_little_and_not_for_the_calls_deadline(
    monkeypatch: pytest.MonkeyPatch, call_timeout: str, rest: float
) -> None:
    monkeypatch.setattr(call_module, "REST_SECONDS", rest)
    with provider_under_test("openai") as provider:
        first = provider.client()
        await first.chat(WITH_TOOLS)  # with all it has to import
        await first.close()
        model = provider.client(provider.spec(call_timeout=call_timeout))
        provider.stub.script = [Stall(-2)]
        reply = await model.chat(WITH_TOOLS)
        assert reply.text == "one two three four five six"
        assert reply.usage.output_tokens == WITH_TOOLS.max_output_tokens
        assert len(provider.stub.chats) == 1 + 1
        await model.close()


async def test_an_answer_that_was_counted_with_zeros_is_counted_at_the_most_and_that_is_told_once(
    model: Client, provider: ProviderUnderTest, caplog: pytest.LogCaptureFixture
) -> None:
    provider.stub.always = Say("Done.", usage=Usage())
    for _ in range(2):
        usage = (await model.chat(WITH_TOOLS)).usage
        assert usage.output_tokens == WITH_TOOLS.max_output_tokens
        assert usage.input_tokens > 0
    assert caplog.text.count("counts no tokens: its calls are counted at the most they can be") == 1
