"""Thoughts that come in pieces go back as the parts that they are."""

import json
from dataclasses import replace
from typing import Any

import pytest

from aios.adapters.openai_compatible.thoughts import merged
from aios.ports.chat_model import ChatMessage, Role
from aios.tasks.attempt_events import ToolCall
from tests.adapters.model_api.providers import WITH_TOOLS, provider_under_test
from tests.servers.model_stub import Plain
from tests.servers.openai_dialect import chunk

TEXT = {"type": "reasoning.text", "format": "anthropic-claude-v1", "index": 0}


async def test_a_signed_thought_goes_back_whole_with_its_signature() -> None:
    """As OpenRouter streams what Anthropic thinks."""
    pieces = [TEXT | {"text": f"word {number} ", "signature": None} for number in range(8_000)]
    deltas: list[dict[str, object]] = [{"reasoning_details": [piece]} for piece in pieces]
    deltas.append({"reasoning_details": [TEXT | {"signature": "Et8B"}]})
    deltas.append({"tool_calls": [{"index": 0, "id": "a", "function": {"name": "write_file", "arguments": "{}"}}]})
    frames = [chunk("m", [{"index": 0, "delta": delta, "finish_reason": None}]) for delta in deltas]
    frames.append(chunk("m", [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]))
    with provider_under_test("openai") as provider:
        provider.stub.script = [Plain(b"".join(frames).decode(), "text/event-stream")]
        model = provider.client()
        reply = await model.chat(WITH_TOOLS)
        turn = ChatMessage(Role.ASSISTANT, "", reply.tool_calls, thinking=reply.thinking)
        answer = ChatMessage(Role.TOOL, "written", call_id="a")
        await model.chat(replace(WITH_TOOLS, messages=(*WITH_TOOLS.messages, turn, answer)))
        await model.close()
        said = next(m for m in provider.stub.chats[1].body["messages"] if m["role"] == "assistant")
    text = "".join(str(piece["text"]) for piece in pieces)
    assert reply.tool_calls == (ToolCall(id="a", name="write_file"),)
    assert said["reasoning_details"] == [TEXT | {"text": text, "signature": "Et8B"}]
    assert len(json.dumps(reply.thinking)) < len(text) + 500


ENCRYPTED = {"type": "reasoning.encrypted", "data": "a"}
SUMMARY = {"type": "reasoning.summary", "index": 0}


@pytest.mark.parametrize(
    ("pieces", "parts"),
    [
        ([], []),
        ([ENCRYPTED, ENCRYPTED | {"data": "b"}], [ENCRYPTED, ENCRYPTED | {"data": "b"}]),
        ([ENCRYPTED | {"index": 0, "id": "t1"}] * 2, [ENCRYPTED | {"index": 0, "id": "t1"}] * 2),
        ([SUMMARY | {"summary": "Let "}, SUMMARY | {"summary": "me."}], [SUMMARY | {"summary": "Let me."}]),
        (
            [TEXT | {"text": "a"}, TEXT | {"text": "b", "index": 1}],
            [TEXT | {"text": "a"}, TEXT | {"text": "b", "index": 1}],
        ),
        ([SUMMARY | {"summary": "a"}, TEXT | {"text": "b"}], [SUMMARY | {"summary": "a"}, TEXT | {"text": "b"}]),
        (
            [TEXT | {"text": "a", "id": "x", "signature": "1"}, TEXT | {"text": None, "id": None, "signature": "2"}],
            [TEXT | {"text": "a", "id": "x", "signature": "2"}],
        ),
        (
            [TEXT | {"text": "a", "id": "x"}, TEXT | {"text": "b", "id": "y"}],
            [TEXT | {"text": "a", "id": "x"}, TEXT | {"text": "b", "id": "y"}],
        ),
        (
            [{"type": "t", "text": "a"}, {"type": "t", "signature": "1"}, {"type": "t", "text": "b"}],
            [{"type": "t", "text": "a", "signature": "1"}, {"type": "t", "text": "b"}],
        ),
    ],
)
def test_consecutive_pieces_of_one_part_are_that_part(
    pieces: list[dict[str, Any]], parts: list[dict[str, Any]]
) -> None:
    before = json.dumps(pieces)
    assert merged(pieces) == parts
    assert json.dumps(pieces) == before
