"""Against llama.cpp's real server: what the stub only imitates. The model is too small to be right, so what is asserted
is form."""

import asyncio
import json
import urllib.request
from collections.abc import AsyncIterator
from typing import Any

import pytest

from aios.adapters.anthropic.model import AnthropicModel
from aios.adapters.anthropic.probe import probe as probe_anthropic
from aios.adapters.openai_compatible.model import OpenAICompatibleModel
from aios.adapters.openai_compatible.probe import probe
from aios.errors import ModelCallError
from aios.models.unusable import UnusableAnswerError
from aios.naming import PLAN_TASK
from aios.ports.chat_model import ChatMessage, ChatModel, ChatRequest, Role
from aios.spec.model import ModelSpec
from aios.spec.vocabulary import Locality, Provider
from aios.tasks.attempt_events import ToolCall
from tests.adapters.model_api.providers import WRITE, no_key
from tests.servers.waiting import eventually

ASK = ChatRequest((ChatMessage(Role.USER, "What is the capital of France?"),), max_output_tokens=24, key="k")
LONG = ChatRequest((ChatMessage(Role.USER, "Count from 1 to 1000."),), max_output_tokens=1_000)


@pytest.fixture
def spec(llama_server: str) -> ModelSpec:
    return ModelSpec(
        provider=Provider.OPENAI_COMPATIBLE,
        model="smollm2",
        endpoint=llama_server,
        locality=Locality.LOCAL,
        call_timeout="90s",
    )


@pytest.fixture
async def model(spec: ModelSpec) -> AsyncIterator[OpenAICompatibleModel]:
    model = OpenAICompatibleModel("small", spec, no_key)
    yield model
    await model.close()


@pytest.fixture
async def claude(spec: ModelSpec) -> AsyncIterator[AnthropicModel]:
    model = AnthropicModel("small", spec.model_copy(update={"provider": Provider.ANTHROPIC}), no_key)
    yield model
    await model.close()


@pytest.fixture(params=["model", "claude"])
def either(request: pytest.FixtureRequest, model: ChatModel, claude: ChatModel) -> ChatModel:
    """By OpenAI's protocol, and by Anthropic's, which the server speaks as well."""
    return model if request.param == "model" else claude


async def test_a_real_model_answers_and_is_counted(either: ChatModel) -> None:
    reply = await either.chat(ASK)
    assert reply.text.strip()
    assert 5 < reply.usage.all_input_tokens < 100
    assert 0 < reply.usage.output_tokens <= 24
    assert reply.model


async def test_an_answer_at_its_limit_says_so(either: ChatModel) -> None:
    reply = await either.chat(ChatRequest(LONG.messages, max_output_tokens=3))
    assert "cut off here" in reply.text
    assert reply.usage.output_tokens == 3


async def test_a_conversation_with_tool_answers_is_taken(either: ChatModel) -> None:
    calls = tuple(ToolCall(id=f"call_{number}", name="write_file", args={"path": "a"}) for number in (1, 2))
    said = (
        ChatMessage(Role.SYSTEM, "You write files."),
        ChatMessage(Role.USER, "Write a."),
        ChatMessage(Role.ASSISTANT, "", calls),
        *(ChatMessage(Role.TOOL, "", call_id=call.id) for call in calls),
    )
    try:
        usage = (await either.chat(ChatRequest(said, (WRITE,), max_output_tokens=32))).usage
    except UnusableAnswerError as error:  # so small a model may talk until its limit
        usage = error.usage
    assert 0 < usage.output_tokens <= 32


async def test_a_plan_is_held_to_its_schema(model: OpenAICompatibleModel) -> None:
    ask = ChatMessage(Role.USER, "Plan two short tasks that build a web page. Answer with JSON.")
    reply = await model.chat(ChatRequest((ask,), max_output_tokens=600, labels={"task": PLAN_TASK}))
    said = reply.text.partition("\n\n[")[0]
    assert said.startswith("{")
    if "cut off" not in reply.text:
        plan = json.loads(said)
        assert all({"name", "instructions"} <= set(task) for task in plan["tasks"])


async def test_a_cancelled_call_stops_the_computation(model: OpenAICompatibleModel, llama_server: str) -> None:
    """The server has one place; a computation that went on would hold the next call up."""

    def place() -> dict[str, Any] | None:
        """None while the server does not say: it answers between two batches only."""
        try:
            with urllib.request.urlopen(f"{llama_server}/slots", timeout=30) as response:
                (found,) = json.load(response)
        except OSError:
            return None
        return dict(found)

    def computes() -> bool:
        found = place()
        return found is not None and found["is_processing"]

    def ended_at() -> int | None:
        """Tokens of question and answer, once nothing is computed any more."""
        found = place()
        return None if found is None or found["is_processing"] else found["n_prompt_tokens"]

    await model.chat(LONG)
    whole = await asyncio.to_thread(eventually, ended_at, what="the end of an answer")
    task = asyncio.create_task(model.chat(LONG))
    await asyncio.to_thread(eventually, computes, what="the server computes")
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await asyncio.to_thread(eventually, ended_at, what="the end of it", within_seconds=60) < whole


async def test_a_request_over_the_context_is_refused_for_good(either: ChatModel) -> None:
    much = ChatRequest((ChatMessage(Role.USER, "word " * 10_000),), max_output_tokens=8)
    with pytest.raises(ModelCallError, match="context") as caught:
        await either.chat(much)
    assert (caught.value.transient, caught.value.maybe_charged) == (False, False)


async def test_doctor_sees_the_server_and_the_models_it_has(spec: ModelSpec) -> None:
    for ask in (probe, probe_anthropic):
        found = await ask(spec, no_key)
        assert found.milliseconds > 0
        assert "it lists no model smollm2 (spec.model); it has" in found.problems[0]
