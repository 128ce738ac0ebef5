"""One call by Ollama's own library, against a daemon that misbehaves in every way we know."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace

import pytest

from aios.adapters.ollama.model import OllamaModel
from aios.errors import ModelCallError, ServiceUnavailableError
from aios.models.unusable import UnusableAnswerError
from aios.naming import digest
from aios.ports.chat_model import ChatMessage, ChatRequest, Role, ToolSpec
from aios.spec.model import ModelSpec
from aios.tasks.attempt_events import Reply, ToolCall, Usage
from tests.adapters.ollama.conftest import KEY, key, no_key
from tests.servers.model_stub import Act, Cut, Late, ModelStub, Plain, Refuse, Say, Stall, Trouble, stub
from tests.servers.ollama_dialect import NDJSON, OllamaDialect
from tests.servers.process import free_ports
from tests.servers.waiting import eventually

WRITE = ToolSpec(
    "write_file",
    "Write a file.",
    {
        "type": "object",
        "properties": {"path": {"type": "string", "minLength": 1}},
        "required": ["path"],
        "additionalProperties": False,
    },
)
ASK = ChatRequest((ChatMessage(Role.SYSTEM, "You."), ChatMessage(Role.USER, "Do it.")), (WRITE,), key="a/b/c/1/0/1")
CALL = ToolCall(id="", name="write_file", args={"path": "ü.txt"})


async def failure(model: OllamaModel, daemon: ModelStub, act: Act) -> ModelCallError:
    """What a call says of `act`; it is asked once."""
    daemon.script = [act]
    with pytest.raises(ModelCallError) as caught:
        await model.chat(ASK)
    assert len(daemon.chats) == 1
    assert KEY not in str(caught.value)
    return caught.value


async def test_a_redirect_is_not_followed(model: OllamaModel, daemon: ModelStub) -> None:
    with stub(OllamaDialect()) as elsewhere:
        error = await failure(model, daemon, Refuse(307, headers={"location": f"{elsewhere.url}/api/chat"}))
        assert (error.transient, error.maybe_charged) == (False, False)
        assert elsewhere.chats == []


async def test_a_local_name_for_somebody_elses_model_is_sent_nothing(
    spec: Callable[..., ModelSpec], dialect: OllamaDialect, daemon: ModelStub
) -> None:
    dialect.shown = {"remote_host": "https://ollama.com:443", "remote_model": "gpt-oss:120b"}
    with pytest.raises(ModelCallError, match=r"passes calls of qwen3:8b on to https://ollama\.com") as caught:
        await OllamaModel("local", spec(), key).chat(ASK)
    assert not caught.value.transient
    assert daemon.chats == []


async def test_tokens_that_cost_money_are_counted_where_the_daemon_leaves_them_out(
    spec: Callable[..., ModelSpec], daemon: ModelStub
) -> None:
    prices = {"inputPerMTok": "1", "outputPerMTok": "1"}
    daemon.script = [Say("Yes", usage=Usage(input_tokens=0, output_tokens=9))]
    usage = (await OllamaModel("local", spec(prices=prices), key).chat(ASK)).usage
    assert usage.input_tokens > sum(len(message.text) for message in ASK.messages)
    assert usage.output_tokens == 9


async def test_an_answer_is_put_together_from_its_pieces(model: OllamaModel, daemon: ModelStub) -> None:
    usage = Usage(input_tokens=20, output_tokens=9)
    daemon.script = [Say("Grüße 🌍, and more words than fit into one piece", (CALL, CALL), usage)]
    assert await model.chat(ASK) == Reply(
        text="Grüße 🌍, and more words than fit into one piece",
        tool_calls=(CALL, CALL),
        usage=usage,
        model="qwen3:8b",
        thinking={"thinking": "Hm."},
    )


async def test_what_the_model_thought_before_it_called_tools_goes_back_to_it(
    model: OllamaModel, daemon: ModelStub
) -> None:
    daemon.script = [Say("", (CALL,)), Say("Done.")]
    reply = await model.chat(ASK)
    call = CALL.model_copy(update={"id": "call-0-0"})
    turn = ChatMessage(Role.ASSISTANT, reply.text, (call,), thinking=reply.thinking)
    answer = ChatMessage(Role.TOOL, "written", call_id=call.id)
    last = await model.chat(replace(ASK, messages=(*ASK.messages, turn, answer)))
    assert [message.get("thinking") for message in daemon.chats[1].body["messages"]] == [None, None, "Hm.", None]
    assert last.thinking == {}, "nothing follows an answer without a call"


async def test_the_window_the_bound_and_how_long_to_keep_the_model_are_always_stated(
    daemon: ModelStub, spec: Callable[..., ModelSpec]
) -> None:
    await OllamaModel("local", spec(), key).chat(ASK)
    stated = spec(context_window=32_768, keep_alive="30m")
    await OllamaModel("local", stated, key).chat(ChatRequest(ASK.messages, max_output_tokens=100))
    first, second = (asked.body for asked in daemon.chats)
    assert first["options"] == {"num_ctx": 8192, "num_predict": 4096}
    assert "keep_alive" not in first
    assert second["options"] == {"num_ctx": 32_768, "num_predict": 100}
    assert second["keep_alive"] == 1800.0


async def test_a_conversation_with_tools_is_told_in_ollamas_words(model: OllamaModel, daemon: ModelStub) -> None:
    asked = CALL.model_copy(update={"id": "call-0-0"})
    answers = (
        ChatMessage(Role.ASSISTANT, "", (asked,)),
        ChatMessage(Role.TOOL, "wrote ü.txt", call_id="call-0-0"),
    )
    await model.chat(ChatRequest((*ASK.messages, *answers), (WRITE,)))
    (body,) = (chat.body for chat in daemon.chats)
    assert body["messages"][2]["tool_calls"] == [{"function": {"name": "write_file", "arguments": {"path": "ü.txt"}}}]
    assert body["messages"][3] == {"role": "tool", "content": "wrote ü.txt", "tool_name": "write_file"}
    (tool,) = body["tools"]
    assert tool["function"]["parameters"] == WRITE.parameters  # the library would leave half of it out


async def test_a_request_carries_the_key_and_an_opaque_call_key(model: OllamaModel, daemon: ModelStub) -> None:
    await model.chat(ASK)
    (asked,) = daemon.chats
    assert asked.headers["authorization"] == f"Bearer {KEY}"
    assert asked.headers["x-aios-call-key"] == digest(ASK.key)


async def test_a_key_of_the_environment_goes_to_nobody(
    daemon: ModelStub, spec: Callable[..., ModelSpec], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OLLAMA_API_KEY", "the user's key for the cloud")
    monkeypatch.setenv("OLLAMA_HOST", "http://192.0.2.1")
    monkeypatch.setenv("HTTP_PROXY", "http://192.0.2.1:1")
    monkeypatch.delenv("NO_PROXY")
    monkeypatch.delenv("no_proxy")
    await OllamaModel("local", spec(), no_key).chat(ASK)
    assert daemon.chats
    assert not any("authorization" in asked.headers for asked in daemon.requests)


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_a_daemon_in_trouble_is_asked_again_later_and_charges_nothing(
    model: OllamaModel, daemon: ModelStub, status: int
) -> None:
    error = await failure(model, daemon, Refuse(status, "server busy", headers={"retry-after": "7"}))
    assert (error.transient, error.maybe_charged, error.retry_after) == (True, False, 7.0)
    assert "server busy" in str(error)


@pytest.mark.parametrize(("status", "advice"), [(400, "no"), (401, "spec.credentialsSecretRef"), (403, "key")])
async def test_a_refusal_is_final(model: OllamaModel, daemon: ModelStub, status: int, advice: str) -> None:
    error = await failure(model, daemon, Refuse(status))
    assert (error.transient, error.maybe_charged) == (False, False)
    assert advice in str(error)


BROKEN: dict[str, Act] = {
    "cut": Cut(3),
    "cut before the first line": Cut(0),
    "cut within a line": Cut(3, half=True),
    "ended early in good order": Cut(3, clean=True),
    "malformed line": Cut(3, half=True, clean=True),
    "no object": Plain("[1]\n", NDJSON),
    "another kind of server": Plain("<html/>", "text/html"),
    "error within": Trouble("", "an error was encountered while running the model"),
    "malformed tool call": Say("", (CALL,), written="{path: a}"),
    "gateway timeout": Refuse(504),
}


@pytest.mark.parametrize("fault", BROKEN)
async def test_an_answer_that_does_not_arrive_whole_may_have_been_charged(
    model: OllamaModel, daemon: ModelStub, fault: str
) -> None:
    error = await failure(model, daemon, BROKEN[fault])
    assert (error.transient, error.maybe_charged) == (True, True)


async def test_a_daemon_that_is_not_there_is_told_with_what_to_do(spec: Callable[..., ModelSpec]) -> None:
    (port,) = free_ports(1)
    where = f"http://127.0.0.1:{port}"
    with pytest.raises(ModelCallError, match=f"nothing answers at {where}: .*ollama serve.*spec.endpoint") as caught:
        await OllamaModel("local", spec(endpoint=where), key).chat(ASK)
    assert (caught.value.transient, caught.value.maybe_charged) == (True, False)


async def test_a_key_that_cannot_be_looked_up_just_now_was_sent_nowhere(spec: Callable[..., ModelSpec]) -> None:
    async def away() -> str:
        raise ServiceUnavailableError("the cluster does not answer")

    with pytest.raises(ModelCallError, match="its key cannot be looked up: the cluster") as caught:
        await OllamaModel("local", spec(), away).chat(ASK)
    assert (caught.value.transient, caught.value.maybe_charged) == (True, False)


async def test_a_slow_first_byte_is_waited_for(model: OllamaModel, daemon: ModelStub) -> None:
    daemon.script = [Late(0.5)]
    assert (await model.chat(ASK)).text == "late"


@pytest.mark.parametrize("frames", [None, 0, 3])
async def test_a_call_ends_at_its_timeout_and_closes_its_connection(
    daemon: ModelStub, spec: Callable[..., ModelSpec], frames: int | None
) -> None:
    model = OllamaModel("local", spec(call_timeout="500ms"), key)
    error = await failure(model, daemon, Stall(frames))
    assert (error.transient, error.maybe_charged) == (True, True)
    assert "callTimeout" in str(error)
    await asyncio.to_thread(eventually, lambda: daemon.gone == 1, what="the client goes away")


@pytest.mark.parametrize("frames", [None, 3])
async def test_cancelling_closes_the_connection(model: OllamaModel, daemon: ModelStub, frames: int | None) -> None:
    daemon.script = [Stall(frames)]
    task = asyncio.create_task(model.chat(ASK))
    await asyncio.to_thread(eventually, lambda: len(daemon.chats) == 1, what="the request")
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.to_thread(eventually, lambda: daemon.gone == 1, what="the client goes away")


async def test_a_prompt_that_cannot_fit_is_not_sent(model: OllamaModel, daemon: ModelStub) -> None:
    long = ChatRequest((ChatMessage(Role.USER, "word " * 12_000),))
    with pytest.raises(ModelCallError, match=r"spec\.contextWindow.*Nothing was sent") as caught:
        await model.chat(long)
    assert not caught.value.transient
    assert not daemon.requests


@pytest.mark.parametrize("read", [4_098, 8_191, 8_192])
async def test_a_prompt_that_ollama_cut_is_an_error(model: OllamaModel, daemon: ModelStub, read: int) -> None:
    """To half of the window, as its runner does, or to what fits, as its server does."""
    daemon.script = [Say("I see no question.", usage=Usage(input_tokens=read, output_tokens=5))]
    with pytest.raises(UnusableAnswerError, match=r"cut the prompt: it read .* spec\.contextWindow") as caught:
        await model.chat(ChatRequest((ChatMessage(Role.USER, "word " * 9_000),)))
    assert not caught.value.transient
    assert caught.value.usage == Usage(input_tokens=read, output_tokens=5)


async def test_a_count_that_leaves_out_what_was_cached_is_no_cut(model: OllamaModel, daemon: ModelStub) -> None:
    daemon.script = [Say("Done.", usage=Usage(input_tokens=12, output_tokens=5))]
    assert (await model.chat(ChatRequest((ChatMessage(Role.USER, "word " * 5_000),)))).text == "Done."


async def test_a_newer_daemon_is_told_to_cut_neither_prompt_nor_answer(model: OllamaModel, daemon: ModelStub) -> None:
    await model.chat(ASK)
    (body,) = (asked.body for asked in daemon.chats)
    assert (body["truncate"], body["shift"]) == (False, False)


LLAMA_CPP = json.dumps(
    {
        "error": {
            "code": 400,
            "message": "request (8889 tokens) exceeds the available context size (4096 tokens), try increasing it",
            "type": "exceed_context_size_error",
        }
    }
)
NATIVE = "the prompt is longer than the context length currently available to the model; shorten it"


@pytest.mark.parametrize("act", [Refuse(400, LLAMA_CPP), Refuse(400, NATIVE), Refuse(500, NATIVE)])
async def test_a_prompt_that_a_newer_daemon_refuses_to_cut_is_refused_for_good(
    model: OllamaModel, daemon: ModelStub, act: Act
) -> None:
    error = await failure(model, daemon, act)
    assert (error.transient, error.maybe_charged) == (False, False)
    assert "Raise spec.contextWindow" in str(error)


async def test_an_answer_cut_off_before_its_tool_call_is_no_end_of_the_task(
    model: OllamaModel, daemon: ModelStub
) -> None:
    error = await failure(model, daemon, Say("I will now", stop="length"))
    assert isinstance(error, UnusableAnswerError)
    assert (error.transient, error.usage) == (False, Say().usage)
    assert "spec.maxOutputTokens" in str(error)


@pytest.mark.parametrize("act", [Say("Half of", stop="length"), Say("Half of", (CALL,), stop="length")])
async def test_an_answer_cut_off_elsewhere_says_so(model: OllamaModel, daemon: ModelStub, act: Say) -> None:
    daemon.script = [act]
    asked = replace(ASK, tools=ASK.tools if act.calls else ())
    reply = await model.chat(asked)
    assert reply.text.startswith("Half of\n\n[The answer was cut off here: raise spec.maxOutputTokens")
    assert reply.tool_calls == act.calls


async def test_half_characters_are_made_storable(model: OllamaModel, daemon: ModelStub, dialect: OllamaDialect) -> None:
    said = {"message": {"role": "assistant", "content": "half \ud83c"}, "model": "m", "done": True}
    daemon.script = [Plain(json.dumps(said) + "\n", NDJSON)]
    assert (await model.chat(ASK)).text == "half \ufffd"
