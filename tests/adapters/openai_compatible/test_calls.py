"""Tool calls as servers really stream them, by OpenAI's own library: what is said twice is done once."""

import json
from collections.abc import Sequence

import pytest

from aios.tasks.attempt_events import ToolCall
from tests.adapters.model_api.providers import WITH_TOOLS, Client, ProviderUnderTest
from tests.servers.model_stub import Plain
from tests.servers.openai_dialect import chunk

Piece = tuple[int | None, str, str, str]
"""Index, id, name, arguments."""


def streamed(pieces: Sequence[Piece]) -> Plain:
    def told(index: int | None, identity: str, name: str, arguments: str) -> dict[str, object]:
        place = {} if index is None else {"index": index}
        return {**place, "id": identity, "type": "function", "function": {"name": name, "arguments": arguments}}

    deltas: list[dict[str, object]] = [{"tool_calls": [told(*piece)]} for piece in pieces]
    frames = [chunk("m", [{"index": 0, "delta": delta, "finish_reason": None}]) for delta in deltas]
    end = chunk("m", [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}])
    body = b"".join([*frames, end, b"data: [DONE]\n\n"])
    return Plain(body.decode(), "text/event-stream")


X, Y = json.dumps({"to": "x"}), json.dumps({"to": "y"})
ONE: dict[str, Sequence[Piece]] = {
    "id and name in every piece, as Fireworks repeats them": [
        (0, "a", "send_mail", ""),
        (0, "a", "send_mail", X),
        (0, "a", "send_mail", ""),
    ],
    "id and name in the last piece, as vLLM repeats them for GLM": [
        (0, "a", "send_mail", ""),
        (0, "", "", X[:5]),
        (0, "a", "send_mail", X[5:]),
    ],
    "no index": [(None, "a", "send_mail", ""), (None, "a", "send_mail", X), (None, "a", "send_mail", "")],
    "under two indexes, first without arguments, as LocalAI has it": [
        (0, "a", "send_mail", ""),
        (1, "a", "send_mail", ""),
        (1, "a", "", X),
    ],
    "under two indexes, whole in both": [(0, "a", "send_mail", X), (1, "a", "send_mail", X)],
    "under two indexes, the second without arguments": [(0, "a", "send_mail", X), (1, "a", "send_mail", "")],
    "under two indexes, a part and the whole": [(0, "a", "send_mail", X[:5]), (1, "a", "send_mail", X)],
    "under two indexes, a part in each": [(0, "a", "send_mail", X[:5]), (1, "a", "send_mail", X[5:])],
    "whole twice in one place": [(0, "a", "send_mail", X), (0, "a", "send_mail", X)],
}
TWO: dict[str, Sequence[Piece]] = {
    "ids that differ in one place": [(0, "a", "send_mail", X), (0, "b", "send_mail", Y)],
    "ids that differ and arguments that do not": [(0, "a", "send_mail", X), (1, "b", "send_mail", X)],
    "one id for all calls": [(0, "a", "send_mail", X), (1, "a", "send_mail", Y)],
    "one id for all calls in one place": [(0, "a", "send_mail", X), (0, "a", "send_mail", Y)],
    "one id for calls of different tools": [(0, "a", "send_mail", X), (1, "a", "write_file", X)],
    "no ids": [(0, "", "send_mail", X), (1, "", "send_mail", X)],
}


@pytest.mark.parametrize("how", ONE)
async def test_a_call_that_is_told_in_more_than_one_way_is_one(
    provider: ProviderUnderTest, model: Client, how: str
) -> None:
    provider.stub.script = [streamed(ONE[how])]
    (call,) = (await model.chat(WITH_TOOLS)).tool_calls
    assert call == ToolCall(id="a", name="send_mail", args={"to": "x"})


@pytest.mark.parametrize("how", TWO)
async def test_calls_that_say_different_things_stay_two(provider: ProviderUnderTest, model: Client, how: str) -> None:
    provider.stub.script = [streamed(TWO[how])]
    calls = (await model.chat(WITH_TOOLS)).tool_calls
    assert [call.args for call in calls] == [json.loads(piece[3]) for piece in TWO[how]]
    assert [call.name for call in calls] == [piece[2] for piece in TWO[how]]
