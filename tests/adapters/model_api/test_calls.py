"""One call of each provider, by the vendor's own library, against a server that misbehaves in every way we know."""

import asyncio
import logging
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from aios.adapters.model_api.arguments import NO_OBJECT
from aios.errors import ModelCallError, ServiceUnavailableError
from aios.models.unusable import UnusableAnswerError
from aios.naming import digest
from aios.ports.chat_model import ChatMessage, Role
from aios.tasks.attempt_events import Reply, ToolCall, Usage
from tests.adapters.model_api.providers import (
    ASK,
    CALL,
    KEY,
    WITH_TOOLS,
    Client,
    ProviderUnderTest,
    failure,
    no_key,
)
from tests.servers.model_stub import Late, Plain, Refuse, Say, Trouble
from tests.servers.process import free_ports

THOUGHT: Mapping[str, dict[str, object]] = {
    "anthropic": {"blocks": [{"type": "thinking", "thinking": "", "signature": "EqQB"}]},
    "openai": {"message": {"reasoning_content": "Hm."}},
}
OTHER = ToolCall(id="call_2", name="write_file", args={"path": "ü"})


async def test_an_answer_is_put_together_from_its_pieces(model: Client, provider: ProviderUnderTest) -> None:
    usage = Usage(input_tokens=20, output_tokens=9, cache_read_tokens=100)
    provider.stub.script = [Say("Grüße 🌍, and more words than fit into one piece", (CALL, OTHER), usage)]
    reply = await model.chat(WITH_TOOLS)
    assert reply == Reply(
        text="Grüße 🌍, and more words than fit into one piece",
        tool_calls=(CALL, OTHER),
        usage=usage,
        model=provider.spec().model or "",
        thinking=THOUGHT[provider.name],
    )


async def test_what_a_model_thought_before_it_called_tools_goes_back_to_it(
    model: Client, provider: ProviderUnderTest
) -> None:
    provider.stub.script = [Say("Let me write.", (CALL,)), Say("Done.")]
    reply = await model.chat(WITH_TOOLS)
    turn = ChatMessage(Role.ASSISTANT, reply.text, reply.tool_calls, thinking=reply.thinking)
    answer = ChatMessage(Role.TOOL, "written", call_id=CALL.id)
    last = await model.chat(replace(WITH_TOOLS, messages=(*WITH_TOOLS.messages, turn, answer)))
    said = next(message for message in provider.stub.chats[1].body["messages"] if message["role"] == "assistant")
    if provider.name == "anthropic":
        assert said["content"][0] == {"type": "thinking", "thinking": "", "signature": "EqQB"}
    else:
        assert said["reasoning_content"] == "Hm."
    assert last.thinking == {}, "nothing follows an answer without a call"


async def test_one_chat_is_one_request_that_carries_the_key_and_an_opaque_call_key(
    model: Client, provider: ProviderUnderTest
) -> None:
    for number in (1, 1, 2):
        await model.chat(replace(ASK, key=f"default/secret-project/r/t/1/0/{number}"))
    sent = [asked.headers for asked in provider.stub.chats]
    assert len(sent) == 3
    assert {headers["authorization"] for headers in sent} == {f"Bearer {KEY}"}
    keys = [headers["x-aios-call-key"] for headers in sent]
    assert keys[0] == keys[1] == digest("default/secret-project/r/t/1/0/1") != keys[2]
    assert not any("secret-project" in value for headers in sent for value in headers.values())


async def test_nothing_of_the_environment_goes_to_an_endpoint(
    provider: ProviderUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("ANTHROPIC", "OPENAI"):
        monkeypatch.setenv(f"{name}_API_KEY", "sk-of-the-vendor")
        monkeypatch.setenv(f"{name}_AUTH_TOKEN", "token-of-the-vendor")
        monkeypatch.setenv(f"{name}_BASE_URL", "http://192.0.2.1")
        monkeypatch.setenv(f"{name}_CUSTOM_HEADERS", "X-Gateway: gateway-secret\nAuthorization: Bearer other-secret")
        monkeypatch.setenv(f"{name}_ORG_ID", "org-of-the-user")
        monkeypatch.setenv(f"{name}_PROJECT_ID", "project-of-the-user")
    model = provider.client(api_key=no_key)
    await model.chat(ASK)
    await model.close()
    (asked,) = provider.stub.chats
    assert "authorization" not in asked.headers
    assert not {name for name in asked.headers if name.startswith(("x-stainless", "x-gateway", "openai", "x-api"))}
    said = " ".join(asked.headers.values())
    assert not any(word in said for word in ("vendor", "secret", "user", os.uname().machine))


async def test_no_proxy_stands_between_us_and_this_machine(
    provider: ProviderUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{free_ports(1)[0]}")
    model = provider.client()
    await model.chat(ASK)
    await model.close()
    assert len(provider.stub.chats) == 1


async def test_a_librarys_debug_lines_show_neither_key_nor_request(
    provider: ProviderUnderTest, caplog: pytest.LogCaptureFixture
) -> None:
    library = logging.getLogger(provider.name)
    before = library.level
    library.setLevel(logging.DEBUG)  # what ANTHROPIC_LOG=debug does when the library is imported
    try:
        model = provider.client()
        await model.chat(ASK)
        await model.close()
    finally:
        library.setLevel(before)
    assert KEY not in caplog.text
    assert "Do it." not in caplog.text


@pytest.mark.parametrize("status", [429, 500, 502, 503, 529])
async def test_a_server_in_trouble_is_asked_again_later_and_charges_nothing(
    model: Client, provider: ProviderUnderTest, status: int
) -> None:
    error = await failure(model, provider, Refuse(status, "come back", headers={"retry-after": "7"}))
    assert (error.transient, error.maybe_charged, error.retry_after) == (True, False, 7.0)
    assert f"answered {status}: come back" in str(error)


async def test_the_time_to_wait_may_be_a_date_of_the_servers_own_clock(
    model: Client, provider: ProviderUnderTest
) -> None:
    dates = {"date": "Mon, 05 Jan 1998 10:00:00 GMT", "retry-after": "Mon, 05 Jan 1998 10:01:30 GMT"}
    error = await failure(model, provider, Refuse(429, headers=dates))
    assert error.retry_after == 90.0


@pytest.mark.parametrize(
    ("status", "advice"),
    [
        (400, ""),
        (401, "Look at the key in Secret vendor, key api-key or "),
        (403, "aios doctor"),
        (404, "spec.model"),
        (413, "give the task less to read"),
        (422, ""),
    ],
)
async def test_a_refusal_is_final_costs_nothing_and_says_what_to_do(
    model: Client, provider: ProviderUnderTest, status: int, advice: str
) -> None:
    error = await failure(model, provider, Refuse(status, "not so"))
    assert (error.transient, error.maybe_charged, error.retry_after) == (False, False, None)
    assert f"answered {status}: not so" in str(error)
    assert advice in str(error)
    assert provider.stub.url.removeprefix("http://") in str(error)


@pytest.mark.parametrize("status", [408, 504, 524])
async def test_a_gateway_that_stopped_waiting_leaves_a_call_in_doubt(
    model: Client, provider: ProviderUnderTest, status: int
) -> None:
    error = await failure(model, provider, Refuse(status))
    assert (error.transient, error.maybe_charged) == (True, True)


async def test_a_key_that_the_server_quotes_is_not_passed_on(model: Client, provider: ProviderUnderTest) -> None:
    error = await failure(model, provider, Refuse(401, f"invalid key {KEY}"))
    assert "invalid key [the key]" in str(error)


async def test_a_long_message_is_shortened_and_one_of_no_form_is_told(
    model: Client, provider: ProviderUnderTest
) -> None:
    error = await failure(model, provider, Refuse(400, "x" * 100_000))
    assert len(str(error)) < 1_000
    provider.stub.requests.clear()
    error = await failure(model, provider, Plain("<html>Bad Gateway</html>", "text/html", status=502))
    assert "Bad Gateway" in str(error)
    assert error.transient


async def test_an_answer_that_the_provider_declines_to_give_is_none(model: Client, provider: ProviderUnderTest) -> None:
    """Without a tool call it would say that the work is finished."""
    stop = "refusal" if provider.name == "anthropic" else "content_filter"
    error = await failure(model, provider, Say("I was about", (CALL,), stop=stop))
    assert isinstance(error, UnusableAnswerError)
    assert (error.transient, error.usage) == (False, Say().usage)
    assert "declined to answer: " in str(error)
    assert ("cyber: not this" if provider.name == "anthropic" else "content_filter") in str(error)


async def test_an_error_instead_of_a_stream_is_a_refusal(model: Client, provider: ProviderUnderTest) -> None:
    error = await failure(model, provider, Trouble("overloaded_error", frames=0))
    assert (error.transient, error.maybe_charged) == (True, False)
    provider.stub.requests.clear()
    error = await failure(model, provider, Trouble("invalid_request_error", "too long", frames=0))
    assert (error.transient, error.maybe_charged) == (False, False)


async def test_a_server_that_is_not_there_was_sent_nothing(provider: ProviderUnderTest) -> None:
    (port,) = free_ports(1)
    model = provider.client(provider.spec(endpoint=f"http://127.0.0.1:{port}"))
    with pytest.raises(ModelCallError, match=f"127.0.0.1:{port}.* cannot be reached.*Nothing was sent") as caught:
        await model.chat(ASK)
    assert (caught.value.transient, caught.value.maybe_charged) == (True, False)
    await model.close()


async def test_arguments_that_are_no_json_go_back_to_the_model(model: Client, provider: ProviderUnderTest) -> None:
    provider.stub.script = [Say("", (CALL,), written='{"path": "a')]
    (call,) = (await model.chat(WITH_TOOLS)).tool_calls
    assert call == ToolCall(id="call_1", name="write_file", args={NO_OBJECT: '{"path": "a'})


async def test_a_redirect_is_not_followed(model: Client, provider: ProviderUnderTest) -> None:
    elsewhere = {"location": "http://127.0.0.2/v1/messages"}
    error = await failure(model, provider, Refuse(307, headers=elsewhere))
    assert (error.transient, error.maybe_charged) == (False, False)
    assert "redirects to http://127.0.0.2" in str(error)


@pytest.mark.parametrize("kind", ["text/html", "application/json"])
async def test_a_server_of_another_kind_is_called_that(model: Client, provider: ProviderUnderTest, kind: str) -> None:
    error = await failure(model, provider, Plain("{}", kind))
    assert not error.transient
    assert f"answered {kind} where a stream of events was asked for" in str(error)


async def test_a_key_no_header_can_carry_is_told_without_being_shown(provider: ProviderUnderTest) -> None:
    async def pasted() -> str:
        return "sk-½\nsecret"

    model = provider.client(api_key=pasted)
    with pytest.raises(ModelCallError, match="Secret vendor") as caught:
        await model.chat(ASK)
    assert "secret" not in str(caught.value).replace("Secret vendor", "")
    assert not provider.stub.requests


async def test_a_key_that_cannot_be_looked_up_just_now_is_a_passing_failure(provider: ProviderUnderTest) -> None:
    async def away() -> str:
        raise ServiceUnavailableError("the cluster is away")

    model = provider.client(api_key=away)
    with pytest.raises(ModelCallError, match="the cluster is away") as caught:
        await model.chat(ASK)
    assert (caught.value.transient, caught.value.maybe_charged) == (True, False)
    assert not provider.stub.requests


async def test_many_calls_go_side_by_side(model: Client, provider: ProviderUnderTest) -> None:
    await model.chat(ASK)  # with all it has to import
    provider.stub.always = Late(2.0)
    started = asyncio.get_running_loop().time()
    await asyncio.gather(*(model.chat(ASK) for _ in range(20)))
    assert len(provider.stub.chats) == 1 + 20
    assert asyncio.get_running_loop().time() - started < 30.0, "one after the other they would take 40"


def test_making_a_client_imports_no_library() -> None:
    """`aios --help` and the worker's start must not pay for a library that may never be used."""
    import subprocess
    import sys

    program = (
        "import sys\n"
        "import aios.adapters.anthropic.model, aios.adapters.openai_compatible.model\n"
        "print(sorted({'anthropic', 'openai', 'httpx2', 'aiohttp'} & set(sys.modules)))"
    )
    place = Path(__file__).parents[3] / "operator"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60, cwd=place
    )
    assert done.stdout.strip() == "[]"
