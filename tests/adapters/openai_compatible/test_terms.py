"""What a server refuses is left out by the next try, and for good only if that helped; by OpenAI's own library."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from aios.adapters.openai_compatible.terms import MOST_TRIED, Learnt, Terms
from aios.embedded.sessions import SqliteSessions
from aios.errors import ModelCallError
from aios.models.breaker import Breaker
from aios.models.pace import Pace
from aios.ports.chat_model import ChatMessage, ChatRequest, Role
from aios.tasks.attempt_events import ToolCall
from tests.adapters.model_api.providers import ASK, KEY, WITH_TOOLS, Client, ProviderUnderTest
from tests.models.crowd import HandClock
from tests.servers.model_stub import Refuse, Say

CALL = ToolCall(id="a", name="write_file")
THOUGHTFUL = replace(
    WITH_TOOLS,
    messages=(
        *WITH_TOOLS.messages,
        ChatMessage(Role.ASSISTANT, "", (CALL,), thinking={"message": {"reasoning_content": "Hm."}}),
        ChatMessage(Role.TOOL, "written", call_id="a"),
    ),
)
PASSED_BACK = "The `reasoning_content` in the thinking mode must be passed back to the API."
UNSIGNED = "messages.1.content.0: Invalid `signature` in `thinking` block"


def thoughts(provider: ProviderUnderTest) -> list[bool]:
    """Whether each request gave back what the model had thought."""
    return ["reasoning_content" in json.dumps(asked.body) for asked in provider.stub.chats]


async def refusal(model: Client, request: ChatRequest) -> ModelCallError:
    with pytest.raises(ModelCallError) as caught:
        await model.chat(request)
    return caught.value


async def test_a_server_that_misses_a_thought_says_so_and_gets_the_others_as_before(
    provider: ProviderUnderTest, model: Client
) -> None:
    provider.stub.script = [Refuse(400, PASSED_BACK)]
    error = await refusal(model, THOUGHTFUL)
    assert (error.transient, "must be passed back" in str(error)) == (False, True)
    await model.chat(THOUGHTFUL)
    assert thoughts(provider) == [True, True]


async def test_what_did_not_help_is_not_left_out_of_other_calls(provider: ProviderUnderTest, model: Client) -> None:
    provider.stub.script = [Refuse(400, "reasoning is odd here"), Refuse(400, "something else is wrong")]
    assert (await refusal(model, THOUGHTFUL)).transient
    error = await refusal(model, THOUGHTFUL)
    assert (error.transient, "something else is wrong" in str(error)) == (False, True)
    await model.chat(replace(THOUGHTFUL, key="default/p/r/t/1/1/1"))
    assert thoughts(provider) == [True, False, True]


async def test_what_helped_is_left_out_of_every_later_call(provider: ProviderUnderTest, model: Client) -> None:
    provider.stub.script = [Refuse(400, "property 'reasoning_content' is unsupported"), Refuse(503), Say("Done.")]
    for number in (1, 2):
        assert (await refusal(model, replace(THOUGHTFUL, key=f"default/p/r/t/1/0/{number}"))).transient
    await model.chat(replace(THOUGHTFUL, key="default/p/r/t/1/0/3"))
    await model.chat(replace(THOUGHTFUL, key="default/p/r/t/2/0/1"))
    assert thoughts(provider) == [True, False, False, False]


async def test_a_signature_that_is_refused_behind_a_gateway_is_asked_again_without(
    provider: ProviderUnderTest, model: Client
) -> None:
    """As OpenRouter tells what Anthropic said."""
    raw = json.dumps({"type": "error", "error": {"type": "invalid_request_error", "message": UNSIGNED}})
    body = {"error": {"message": "Provider returned error", "code": 400, "metadata": {"raw": raw}}}
    provider.stub.script = [Refuse(400, body=json.dumps(body)), Say("Done.")]
    error = await refusal(model, THOUGHTFUL)
    assert f"answered 400: Provider returned error: {UNSIGNED}; the next try goes without" in str(error)
    assert (await model.chat(THOUGHTFUL)).text == "Done."
    assert thoughts(provider) == [True, False]


async def test_a_bound_that_is_too_large_keeps_its_name_and_the_servers_own_words(
    provider: ProviderUnderTest, model: Client
) -> None:
    said = "max_completion_tokens is too large: 65536. This model supports at most 16384 completion tokens"
    provider.stub.always = Refuse(400, said)
    error = await refusal(model, ASK)
    assert (error.transient, said in str(error), len(provider.stub.chats)) == (False, True, 1)


async def test_the_message_that_announces_another_try_shows_no_key(provider: ProviderUnderTest, model: Client) -> None:
    provider.stub.script = [Refuse(400, f"stream_options is not supported for {KEY}")]
    error = await refusal(model, ASK)
    assert KEY not in str(error)
    assert "stream_options is not supported for [the key]; the next try goes without" in str(error)


async def test_refusals_that_teach_open_no_circuit(provider: ProviderUnderTest, tmp_path: Path) -> None:
    """Of a fresh fleet each process has to learn."""
    clock = HandClock()
    sessions = SqliteSessions(tmp_path / "sessions.db", clock=clock)
    breaker = Breaker(sessions, "model/default/strong", "strong", clock=clock, pace=Pace())
    provider.stub.script = [Refuse(400, "stream_options is not supported") for _ in range(2 * Pace().failures)]
    for _ in range(2 * Pace().failures):
        fresh = provider.client()
        error = await refusal(fresh, ASK)
        assert error.transient
        await breaker.failed(error, None, probe=False)
        await fresh.close()
    condition = await breaker.condition()
    assert (condition.pause, condition.half_open) == ("", False)
    await sessions.close()


def test_calls_that_never_come_back_are_forgotten() -> None:
    learnt = Learnt(Terms())
    for number in range(MOST_TRIED + 1):
        learnt.refused(f"r/t/{number}/1", Terms(counts=False))
    assert learnt.of("r/t/0/2") == Terms()
    assert learnt.of(f"r/t/{MOST_TRIED}/2") == Terms(counts=False)
