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
    return answer.reply("m", at_most=lambda: MOST)


def test_cached_tokens_are_not_counted_twice() -> None:
    counts = {"prompt_tokens": 100, "completion_tokens": 7, "prompt_tokens_details": {"cached_tokens": 64}}
    reply = read(delta(content="Yes"), delta("stop"), {"choices": [], "usage": counts})
    assert reply == Reply(text="Yes", usage=Usage(input_tokens=36, output_tokens=7, cache_read_tokens=64), model="m-1")


@pytest.mark.parametrize("usage", [{}, {"usage": None}, {"usage": {}}, {"usage": {"total_tokens": 3}}])
def test_a_server_that_counts_nothing_is_counted_at_the_most(usage: dict[str, object]) -> None:
    assert read({**delta("stop", content="Yes"), **usage}).usage == MOST


ZEROS = {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}


@pytest.mark.parametrize("counts", [ZEROS, ZEROS | {"prompt_tokens": 9}, ZEROS | {"completion_tokens": 9}])
def test_zeros_count_nothing(counts: dict[str, object]) -> None:
    """No question is of no tokens, and no answer."""
    assert read({**delta("stop", content="Yes"), "usage": counts}).usage == MOST


def test_an_answer_of_nothing_may_be_of_no_tokens() -> None:
    assert read({**delta("stop"), "usage": ZEROS | {"prompt_tokens": 9}}).usage == Usage(input_tokens=9)


@pytest.mark.parametrize("zeros", [ZEROS, ZEROS | {"prompt_tokens": 9}, ZEROS | {"completion_tokens": 9}])
def test_a_count_is_not_taken_back_by_zeros(zeros: dict[str, object]) -> None:
    counts = {"prompt_tokens": 100, "completion_tokens": 7}
    said = [{**delta(content="Yes"), "usage": counts}, {**delta("stop"), "usage": zeros}]
    assert read(*said).usage == Usage(input_tokens=100, output_tokens=7)


def test_nothing_more_is_needed_once_it_ended_and_was_counted_since() -> None:
    counts, answer = {"usage": {"prompt_tokens": 100, "completion_tokens": 7}}, Answer()
    for chunk, over in (
        ({**delta(content="Yes"), **counts}, False),
        (delta("stop"), False),
        ({"choices": [], "usage": ZEROS}, False),
        ({"choices": [], **counts}, True),
    ):
        answer.add(chunk)
        assert answer.over is over


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
    assert "cut off here (length): raise spec.maxOutputTokens" in reply.text


@pytest.mark.parametrize(
    ("chunks", "why"),
    [
        ([delta(refusal="I will"), delta(refusal=" not"), delta("stop")], "I will not"),
        ([delta("content_filter")], "content_filter"),
        ([delta(refusal="", content="Half"), delta("content_filter")], "content_filter"),
        ([delta(refusal=""), delta("stop", content="Yes")], ""),
        ([delta("stop", content="Yes")], ""),
    ],
)
def test_an_answer_that_is_withheld_is_told_with_its_reason(chunks: list[dict[str, Any]], why: str) -> None:
    answer = Answer()
    for chunk in chunks:
        answer.add(chunk)
    assert why in answer.declined
    assert bool(answer.declined) is bool(why)


@pytest.mark.parametrize("finish", ["abort", "error", "insufficient_system_resource"])
def test_an_answer_that_the_server_gave_up_is_no_end(finish: str) -> None:
    answer = Answer()
    answer.add(delta(finish, content="Half of"))
    assert not answer.ended
    assert finish in answer.broken


def usage(**counts: object) -> Usage:
    return read({**delta("stop"), "usage": {"completion_tokens": 7, **counts}}).usage


def test_thinking_that_a_vendor_counts_apart_is_output() -> None:
    """As xAI and Gemini do: 100 + 7 + 300 of thinking."""
    apart = usage(prompt_tokens=100, total_tokens=407, completion_tokens_details={"reasoning_tokens": 300})
    assert apart == Usage(input_tokens=100, output_tokens=307)
    within = usage(prompt_tokens=100, total_tokens=107, completion_tokens_details={"reasoning_tokens": 5})
    assert within == Usage(input_tokens=100, output_tokens=7)


@pytest.mark.parametrize(
    "counts",
    [
        {"cache_creation_input_tokens": 40, "prompt_tokens_details": {"cached_tokens": 30}},
        {"prompt_tokens_details": {"cached_tokens": 30, "cache_creation_tokens": 40}},
        {"prompt_tokens_details": {"cached_tokens": 30, "cache_write_tokens": 40}},
    ],
)
def test_what_a_proxy_wrote_to_a_cache_is_counted_as_that(counts: dict[str, object]) -> None:
    assert usage(prompt_tokens=100, **counts) == Usage(
        input_tokens=30, output_tokens=7, cache_read_tokens=30, cache_write_tokens=40
    )


def test_cache_writes_that_a_proxy_counts_beside_the_prompt_are_not_lost() -> None:
    """LiteLLM has counted both ways."""
    beside = usage(prompt_tokens=31, cache_creation_input_tokens=1_253)
    assert beside == Usage(input_tokens=31, output_tokens=7, cache_write_tokens=1_253)


@pytest.mark.parametrize("place", [{}, {"index": 0}])
def test_calls_that_cannot_be_told_apart_by_index_or_id_begin_with_a_name(place: dict[str, object]) -> None:
    """As Gemini gives several calls: each whole, without an index or all with the same."""
    reply = read(
        call('{"path": "a"}', name="read_file", **place),
        call('{"path": "b"}', name="read_file", **place),
        call("", name="list_files", **place),
        call('{"path": ', name="write_file", **place),
        call('"c"}', **place),
        delta("stop"),
    )
    assert [(one.name, one.args) for one in reply.tool_calls] == [
        ("read_file", {"path": "a"}),
        ("read_file", {"path": "b"}),
        ("list_files", {}),
        ("write_file", {"path": "c"}),
    ]


def test_a_name_that_is_said_again_with_each_piece_begins_no_other_call() -> None:
    pieces = (call(part, index=0, id="a", name="read_file") for part in ("", '{"path": ', '"x"}'))
    (one,) = read(*pieces, delta("tool_calls")).tool_calls
    assert one == ToolCall(id="a", name="read_file", args={"path": "x"})


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
    answer.reply("m", at_most=lambda: MOST).model_dump_json()


def test_what_a_model_thought_is_kept_under_the_servers_own_names_when_it_calls_a_tool() -> None:
    part = {"type": "reasoning.encrypted", "data": "a"}
    reply = read(
        delta(reasoning="Let "),
        delta(reasoning="me.", reasoning_details=[part]),
        delta(reasoning_details=[part | {"data": "b"}]),
        call("{}", name="list_files", id="a", index=0),
        delta("tool_calls"),
    )
    details = [part, part | {"data": "b"}]
    assert reply.thinking == {"message": {"reasoning": "Let me.", "reasoning_details": details}}


def test_a_signature_is_kept_with_the_call_that_it_belongs_to() -> None:
    signature = {"google": {"thought_signature": "s"}}
    reply = read(
        call("{}", name="list_files", id="a", index=0),
        call("{}", name="read_file", id="b", index=1, extra_content=signature),
        delta("tool_calls"),
    )
    assert reply.thinking == {"calls": {"1": {"extra_content": signature}}}


def test_what_was_thought_before_a_last_answer_is_not_kept() -> None:
    assert read(delta(reasoning_content="Hm."), delta(content="Done."), delta("stop")).thinking == {}
