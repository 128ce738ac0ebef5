"""Anthropic's events read as our reply."""

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from aios.adapters.anthropic.reply import Answer
from aios.adapters.model_api.arguments import CUT_OFF
from aios.tasks.attempt_events import Reply, ToolCall, Usage

MOST = Usage(input_tokens=999, output_tokens=99)


def started(**usage: object) -> dict[str, object]:
    return {"type": "message_start", "message": {"model": "claude-x-1", "usage": usage}}


def block(index: int, **content: object) -> dict[str, object]:
    return {"type": "content_block_start", "index": index, "content_block": content}


def piece(index: int, **delta: object) -> dict[str, object]:
    return {"type": "content_block_delta", "index": index, "delta": delta}


def ended(stop: str, **usage: object) -> list[dict[str, object]]:
    return [{"type": "message_delta", "delta": {"stop_reason": stop}, "usage": usage}, {"type": "message_stop"}]


def read(*events: dict[str, Any]) -> Reply:
    answer = Answer()
    for event in events:
        answer.add(event)
    assert answer.ended
    return answer.reply("claude-x", at_most=lambda: MOST)


def tool(*pieces: str) -> list[dict[str, object]]:
    use = block(1, type="tool_use", id="t", name="write_file", input={})
    return [use, *(piece(1, type="input_json_delta", partial_json=part) for part in pieces)]


TEXT = [block(0, type="text", text=""), piece(0, type="text_delta", text="Half of")]


def test_the_kinds_of_input_are_disjoint_and_later_counts_replace_earlier_ones() -> None:
    counts = {"input_tokens": 5, "cache_read_input_tokens": 70, "cache_creation_input_tokens": 30, "output_tokens": 1}
    reply = read(started(**counts), *TEXT, *ended("end_turn", output_tokens=42, cache_read_input_tokens=None))
    assert reply.usage == Usage(input_tokens=5, output_tokens=42, cache_read_tokens=70, cache_write_tokens=30)
    assert (reply.model, reply.text) == ("claude-x-1", "Half of")


@pytest.mark.parametrize(
    ("first", "last"), [({}, {}), ({"input_tokens": 5, "output_tokens": 1}, {}), ({}, {"output_tokens": 42})]
)
def test_a_server_that_does_not_count_to_the_end_is_counted_at_the_most(
    first: dict[str, object], last: dict[str, object]
) -> None:
    assert read(started(**first), *TEXT, *ended("end_turn", **last)).usage == MOST


@pytest.mark.parametrize(
    ("first", "last"),
    [
        ({"input_tokens": 0, "output_tokens": 0}, {"output_tokens": 42}),
        ({"input_tokens": 5, "output_tokens": 1}, {"output_tokens": 0}),
    ],
)
def test_zeros_count_nothing(first: dict[str, object], last: dict[str, object]) -> None:
    """Proxies that speak this protocol put them where they do not know."""
    assert read(started(**first), *TEXT, *ended("end_turn", **last)).usage == MOST


def test_what_a_cache_served_is_input_enough() -> None:
    first = {"input_tokens": 0, "cache_read_input_tokens": 70, "output_tokens": 1}
    used = read(started(**first), *TEXT, *ended("end_turn", output_tokens=42)).usage
    assert used == Usage(cache_read_tokens=70, output_tokens=42)


def test_a_count_that_comes_late_counts_and_is_not_taken_back_by_a_zero() -> None:
    late = read(started(input_tokens=0), *TEXT, *ended("end_turn", input_tokens=19, output_tokens=42))
    assert late.usage == Usage(input_tokens=19, output_tokens=42)
    kept = read(started(input_tokens=5), *TEXT, *ended("end_turn", input_tokens=0, output_tokens=42))
    assert kept.usage == Usage(input_tokens=5, output_tokens=42)


def test_a_tool_call_that_was_cut_off_is_one_that_every_tool_refuses() -> None:
    reply = read(*TEXT, *tool('{"path": "a', ".txt"), *ended("max_tokens"))
    (call,) = reply.tool_calls
    assert call.args == {CUT_OFF: '{"path": "a.txt'}
    assert "cut off here (max_tokens): raise spec.maxOutputTokens" in reply.text


def test_a_tool_call_cut_off_before_its_first_argument_is_refused_too() -> None:
    (call,) = read(*tool(), *ended("max_tokens")).tool_calls
    assert call.args == {CUT_OFF: ""}


def test_a_tool_call_that_was_whole_before_the_limit_stands() -> None:
    later = [block(2, type="text", text=""), piece(2, type="text_delta", text="and th")]
    (call,) = read(*tool('{"path": "a"}'), *later, *ended("max_tokens")).tool_calls
    assert call == ToolCall(id="t", name="write_file", args={"path": "a"})


def test_a_call_without_arguments_is_an_empty_object() -> None:
    (call,) = read(*tool(), *ended("tool_use")).tool_calls
    assert call.args == {}


def test_a_refusal_is_told_with_its_reason() -> None:
    answer = Answer()
    details = {"type": "refusal", "category": "cyber", "explanation": "Not this."}
    end: dict[str, object] = {"type": "message_delta", "delta": {"stop_reason": "refusal", "stop_details": details}}
    for event in (*TEXT, end):
        answer.add(event)
    assert answer.declined == "refusal: cyber: Not this."


def test_a_window_that_is_full_is_not_mended_by_a_longer_answer() -> None:
    reply = read(*TEXT, *ended("model_context_window_exceeded"))
    assert "(model_context_window_exceeded): give the task less to read" in reply.text


def test_what_is_not_known_is_passed_over() -> None:
    thinking = [block(0, type="thinking", thinking=""), piece(0, type="thinking_delta", thinking="hm")]
    answer = [block(1, type="text", text="Yes"), piece(1, type="text_delta", text=".")]
    reply = read({"type": "of next year"}, *thinking, *answer, *ended("end_turn"))
    assert reply.text == "Yes."


VALUES = st.recursive(
    st.none() | st.integers(-3, 3) | st.sampled_from(["text_delta", "tool_use", "text", "max_tokens", "\ud83d"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["type", "index", "delta", "text", "usage", "message", "model", "content_block", "stop_reason", "input"]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=8,
)
KINDS = ["message_start", "content_block_start", "content_block_delta", "message_delta", "message_stop"]
NAMES = st.sampled_from(["index", "delta", "usage", "message", "content_block"])


@example([("message_start", {"message": {"model": "\ud83d"}})])
@given(st.lists(st.tuples(st.sampled_from(KINDS), st.dictionaries(NAMES, VALUES)), max_size=8))
def test_no_event_breaks_the_reading(events: list[tuple[str, dict[str, object]]]) -> None:
    answer = Answer()
    for kind, event in events:
        answer.add({"type": kind, **event})
    answer.reply("claude-x", at_most=lambda: MOST).model_dump_json()


THOUGHT = [
    block(0, type="thinking", thinking="", signature=""),
    piece(0, type="thinking_delta", thinking="Let me "),
    piece(0, type="thinking_delta", thinking="look."),
    piece(0, type="signature_delta", signature="EqQB"),
]
USE = block(2, type="tool_use", id="t", name="list_files", input={})


def test_what_the_model_thought_before_a_call_is_kept_as_it_came() -> None:
    hidden = block(1, type="redacted_thinking", data="xyz")
    assert read(started(), *THOUGHT, hidden, USE, *ended("tool_use")).thinking == {
        "blocks": [
            {"type": "thinking", "thinking": "Let me look.", "signature": "EqQB"},
            {"type": "redacted_thinking", "data": "xyz"},
        ]
    }


def test_thinking_is_no_part_of_the_text_and_not_kept_where_no_call_follows() -> None:
    text = [block(1, type="text", text="Done.")]
    reply = read(started(), *THOUGHT, *text, *ended("end_turn"))
    assert (reply.text, reply.thinking) == ("Done.", {})


def test_thinking_that_has_no_place_in_our_turns_is_left_out_whole() -> None:
    between = [block(3, type="thinking", thinking="And then?", signature="s"), USE | {"index": 4}]
    assert read(started(), *THOUGHT, USE, *between, *ended("tool_use")).thinking == {}
