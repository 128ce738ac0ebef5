"""Answers that come late, stop half way or never end, by the vendor's own library: what may be charged is told."""

import asyncio

import pytest

from aios.errors import ModelCallError
from aios.models.unusable import UnusableAnswerError
from tests.adapters.model_api.providers import (
    ASK,
    CALL,
    WITH_TOOLS,
    Client,
    ProviderUnderTest,
    failure,
)
from tests.servers.model_stub import Cut, Huge, Late, Plain, Say, Stall, Trouble
from tests.servers.waiting import eventually


@pytest.mark.parametrize("frames", [0, 1, 3, 5])
@pytest.mark.parametrize("half", [False, True])
async def test_an_answer_cut_off_may_have_been_charged(
    model: Client, provider: ProviderUnderTest, frames: int, half: bool
) -> None:
    error = await failure(model, provider, Cut(frames, half=half))
    assert (error.transient, error.maybe_charged) == (True, True)
    assert "cut off" in str(error)


async def test_an_answer_that_ends_early_in_good_order_is_no_answer(model: Client, provider: ProviderUnderTest) -> None:
    error = await failure(model, provider, Cut(4, clean=True))
    assert (error.transient, error.maybe_charged) == (True, True)


def after_its_end(provider: ProviderUnderTest, say: Say) -> Cut:
    """The connection is torn when the answer is whole; to OpenAI's protocol the count of tokens is no part of it."""
    return Cut(frames=1_000 if provider.name == "anthropic" else -2, say=say)


async def test_an_answer_that_is_whole_stands_whatever_becomes_of_the_connection(
    model: Client, provider: ProviderUnderTest
) -> None:
    provider.stub.script = [after_its_end(provider, Say("Done.", (CALL,)))]
    reply = await model.chat(WITH_TOOLS)
    assert (reply.text, reply.tool_calls) == ("Done.", (CALL,))
    assert reply.usage.output_tokens == (7 if provider.name == "anthropic" else WITH_TOOLS.max_output_tokens)


@pytest.mark.parametrize("frames", [3, 1_000])
async def test_an_error_after_a_whole_answer_or_within_it_is_judged_by_what_has_come(
    model: Client, provider: ProviderUnderTest, frames: int
) -> None:
    provider.stub.script = [Trouble("api_error", frames=frames)]
    if frames == 3:
        with pytest.raises(ModelCallError, match="api_error"):
            await model.chat(ASK)
    else:
        assert (await model.chat(ASK)).text == "one two three four five six"


async def test_an_answer_cut_off_before_its_first_tool_call_is_no_end_of_the_task(
    model: Client, provider: ProviderUnderTest
) -> None:
    """As happens when a model thinks until its limit."""
    stop = "max_tokens" if provider.name == "anthropic" else "length"
    error = await failure(model, provider, Say("", stop=stop))
    assert isinstance(error, UnusableAnswerError)
    assert (error.transient, error.maybe_charged) == (False, False)
    assert error.usage == Say().usage
    assert f"cut off after 7 tokens ({stop}), thinking included" in str(error)
    assert "raise spec.maxOutputTokens" in str(error)
    provider.stub.script = [Say("Half of", stop=stop)]
    assert (await model.chat(ASK)).text.startswith("Half of\n\n[The answer was cut off here")


async def test_an_event_that_is_no_json_is_a_broken_answer(model: Client, provider: ProviderUnderTest) -> None:
    error = await failure(model, provider, Cut(3, half=True, clean=True))
    assert (error.transient, error.maybe_charged) == (True, True)


async def test_an_error_within_the_stream_may_have_been_charged(model: Client, provider: ProviderUnderTest) -> None:
    error = await failure(model, provider, Trouble("overloaded_error", "Overloaded"))
    assert (error.transient, error.maybe_charged) == (True, True)
    assert "overloaded_error in the middle of its answer: Overloaded" in str(error)


async def test_a_slow_first_byte_is_waited_for_up_to_the_calls_bound(
    model: Client, provider: ProviderUnderTest
) -> None:
    provider.stub.script = [Late(0.5)]
    assert (await model.chat(ASK)).text == "late"


@pytest.mark.parametrize("frames", [None, 0, 4])
async def test_a_call_ends_at_its_timeout_and_may_have_been_charged(
    provider: ProviderUnderTest, frames: int | None
) -> None:
    model = provider.client(provider.spec(call_timeout="500ms"))
    error = await failure(model, provider, Stall(frames))
    assert (error.transient, error.maybe_charged) == (True, True)
    await eventually_gone(provider)
    await model.close()


@pytest.mark.parametrize(("frames", "said"), [(None, "not a byte"), (4, "standstill")])
async def test_silence_ends_a_call_before_its_timeout(
    provider: ProviderUnderTest, frames: int | None, said: str
) -> None:
    model = provider.client(idle=0.3)
    error = await failure(model, provider, Stall(frames))
    assert (error.transient, error.maybe_charged) == (True, True)
    assert said in str(error)
    await model.close()


@pytest.mark.parametrize("frames", [None, 4])
async def test_cancelling_closes_the_connection(model: Client, provider: ProviderUnderTest, frames: int | None) -> None:
    provider.stub.script = [Stall(frames)]
    task = asyncio.create_task(model.chat(ASK))
    await asyncio.to_thread(eventually, lambda: len(provider.stub.chats) == 1, what="the request")
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await eventually_gone(provider)
    assert (await model.chat(ASK)).text == "ok"
    assert len(provider.stub.chats) == 2


async def eventually_gone(provider: ProviderUnderTest) -> None:
    await asyncio.to_thread(eventually, lambda: provider.stub.gone == 1, what="the client goes away")


@pytest.mark.parametrize("single", [False, True])
async def test_a_huge_answer_is_not_read_to_its_end(model: Client, provider: ProviderUnderTest, single: bool) -> None:
    error = await failure(model, provider, Huge(20 * 2**20, single))
    assert (error.transient, error.maybe_charged) == (False, True)
    assert "more than 8,388,608 bytes" in str(error)


async def test_a_huge_refusal_is_not_read_to_its_end(model: Client, provider: ProviderUnderTest) -> None:
    error = await failure(model, provider, Plain("x" * 20 * 2**20, "text/plain", status=500))
    assert "more than" in str(error)
