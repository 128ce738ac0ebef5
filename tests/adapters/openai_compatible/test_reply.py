"""Chat completion chunks read as our reply, with all that servers leave out."""

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from aios.adapters.model_api.arguments import CUT_OFF
from aios.adapters.openai_compatible.reply import Answer
from aios.tasks.attempt_events import Reply, ToolCall, Usage

MOST = Usage(input_tokens=999, output_tokens=99)


def delta(finish: str | None = None, **more: object) -> dict[str, object]:
    return {"model": "m-1", "choices": [{"index": 0, "delta": more, "finish_reason": finish}]}


def call(arguments: object, **more: object) -> dict[str, object]:
    function = {"arguments": arguments, **({"name": more.pop("name")} if "name" in more else {})}
    return delta(tool_calls=[{"function": function, **more}])


def read(*chunks: dict[str, Any]) -> Reply:
    answer = Answer()
    for chunk in chunks:
        answer.add(chunk)
    assert answer.ended
    return answer.reply("m", at_most=lambda _text: MOST)


def test_cached_tokens_are_not_counted_twice() -> None:
    counts = {"prompt_tokens": 100, "completion_tokens": 7, "prompt_tokens_details": {"cached_tokens": 64}}
    reply = read(delta(content="Yes"), delta("stop"), {"choices": [], "usage": counts})
    assert reply == Reply(text="Yes", usage=Usage(input_tokens=36, output_tokens=7, cache_read_tokens=64), model="m-1")


@pytest.mark.parametrize("usage", [{}, {"usage": None}, {"usage": {}}, {"usage": {"total_tokens": 3}}])
def test_a_server_that_counts_nothing_is_counted_at_the_most(usage: dict[str, object]) -> None:
    assert read({**delta("stop", content="Yes"), **usage}).usage == MOST


@pytest.mark.parametrize("details", [None, {}, {"cached_tokens": None}, {"cached_tokens": 500}])
def test_odd_details_make_no_negative_count(details: object) -> None:
    counts = {"prompt_tokens": 100, "completion_tokens": 7, "prompt_tokens_details": details}
    usage = read({**delta("stop"), "usage": counts}).usage
    assert usage.all_input_tokens == 100
    assert usage.input_tokens >= 0


def test_calls_side_by_side_are_kept_apart() -> None:
    reply = read(
        call('{"path"', index=0, id="a", name="read_file"),
        call("", index=1, id="b", name="list_files"),
        call(': "x"}', index=0),
        call("{}", index=1),
        delta("tool_calls"),
    )
    assert reply.tool_calls == (
        ToolCall(id="a", name="read_file", args={"path": "x"}),
        ToolCall(id="b", name="list_files"),
    )


def test_calls_without_an_index_are_told_apart_by_their_ids() -> None:
    reply = read(
        call('{"path": ', id="a", name="read_file"),
        call('"x"}', id="a"),
        call({"path": "y"}, id="b", name="read_file"),
        delta("tool_calls"),
    )
    assert [(one.id, one.args) for one in reply.tool_calls] == [("a", {"path": "x"}), ("b", {"path": "y"})]


def test_a_tool_call_that_was_cut_off_is_one_that_every_tool_refuses() -> None:
    reply = read(
        call('{"path": "x"}', index=0, id="a", name="read_file"),
        call('{"path": "y', index=1, id="b", name="read_file"),
        delta("length"),
    )
    assert [one.args for one in reply.tool_calls] == [{"path": "x"}, {CUT_OFF: '{"path": "y'}]
    assert "cut off here (finish reason: length)" in reply.text


@pytest.mark.parametrize("chunks", [[delta(refusal="I will not"), delta("stop")], [delta("content_filter")]])
def test_an_answer_that_is_withheld_says_so_and_calls_nothing(chunks: list[dict[str, Any]]) -> None:
    reply = read(call("{}", index=0, id="a", name="read_file"), *chunks)
    assert reply.tool_calls == ()
    assert reply.text.startswith("[The ")


NAMES = ["model", "usage", "choices", "delta", "content", "tool_calls", "function", "arguments", "finish_reason", "id"]
VALUES = st.recursive(
    st.none() | st.integers(-3, 3) | st.sampled_from(["stop", "length", "\ud83d", "{"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=5),
    max_leaves=10,
)


@example([{"model": "\ud83d"}])
@given(st.lists(st.dictionaries(st.sampled_from(NAMES), VALUES), max_size=6))
def test_no_chunk_breaks_the_reading(chunks: list[dict[str, object]]) -> None:
    answer = Answer()
    for chunk in chunks:
        answer.add(chunk)
    answer.reply("m", at_most=lambda _text: MOST).model_dump_json()
