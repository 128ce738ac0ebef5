"""Whatever a model writes as arguments becomes an object that can be stored, sent and refused in words."""

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from aios.adapters.model_api.arguments import CUT_OFF, KEPT, NO_OBJECT, read_arguments
from aios.adapters.model_api.text import MAX_DEPTH, valid_object, valid_text
from aios.agents.tools.contract import Answer, Arguments, Effect, Moment, Tool
from aios.naming import digest
from aios.spec.vocabulary import Privacy
from aios.tasks.attempt_events import CallFinished, Reply, ToolCall

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


class Line(Arguments):
    """Arguments of a tool."""

    path: str = "."


@given(st.dictionaries(st.text(), JSON))
def test_an_object_is_read_as_it_is(args: dict[str, object]) -> None:
    assert read_arguments(json.dumps(args), cut=False) == args
    assert read_arguments(args, cut=False) == args


@pytest.mark.parametrize("depth", [60, 256, 100_000])
def test_what_is_nested_deeper_than_a_record_holds_is_told_to_the_model(depth: int) -> None:
    text = '{"content": ' + "[" * depth + "]" * depth + "}"
    args = read_arguments(text, cut=False)
    assert (NO_OBJECT in args) == (depth > MAX_DEPTH)
    call = ToolCall(id="", name="write_file", args=args)
    CallFinished(step=0, number=1, reply=Reply(tool_calls=(call,))).model_dump_json()


def test_an_object_that_is_nested_too_deeply_is_told_like_text() -> None:
    nested: dict[str, object] = {}
    for _ in range(2_000):
        nested = {"more": nested}
    assert read_arguments(nested, cut=False) == {NO_OBJECT: "it is nested too deeply"}
    assert valid_object(nested) == {}


@given(st.text(), st.booleans())
@example('{"a": NaN}', False)
@example('{"a": "\\ud83d"}', False)
@example('{"a": "\\ud83d\\ude00"}', False)
@example("[" * 100_000, False)
@example("9" * 10_000, False)
@example("\ud800", True)
def test_anything_becomes_an_object_that_can_be_stored(text: str, cut: bool) -> None:
    args = read_arguments(text, cut=cut)
    assert len(digest(args)) == 64
    json.dumps(args, allow_nan=False).encode()


@given(st.dictionaries(st.text(), JSON, min_size=1), st.data())
def test_no_beginning_of_an_object_passes_for_the_whole(args: dict[str, object], data: st.DataObject) -> None:
    whole = json.dumps(args)
    part = whole[: data.draw(st.integers(0, len(whole) - 1))]
    assert list(read_arguments(part, cut=True)) == [CUT_OFF]


def test_no_text_is_no_arguments_unless_it_was_cut_off() -> None:
    assert read_arguments("", cut=False) == read_arguments(None, cut=False) == {}
    assert read_arguments("", cut=True) == {CUT_OFF: ""}


def test_long_nonsense_is_shortened() -> None:
    (kept,) = read_arguments("x" * 1_000_000, cut=False).values()
    assert isinstance(kept, str)
    assert len(kept) == KEPT


@pytest.mark.parametrize(("text", "cut", "said"), [("{path", False, NO_OBJECT), ('{"path": "a', True, CUT_OFF)])
async def test_a_tool_refuses_them_in_words_that_a_model_can_act_on(text: str, cut: bool, said: str) -> None:
    """Also one that needs no argument at all."""

    async def act(_args: Line, _moment: Moment) -> Answer:
        raise AssertionError("executed")

    tool = Tool("list_files", "List.", Effect.READ, Line, act)
    answer = await tool.use(read_arguments(text, cut=cut), Moment(Privacy.PUBLIC, "k"))
    assert answer.failed
    assert said in answer.text


def test_two_halves_of_a_character_make_one_and_a_lonely_one_is_replaced() -> None:
    assert valid_text("a\ud83d" + "\ude00b") == "a😀b"
    assert valid_text("a\ud83db") == "a\ufffdb"
    assert valid_text("plain ü 😀") == "plain ü 😀"
