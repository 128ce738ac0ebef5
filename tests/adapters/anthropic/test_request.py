"""Our conversation in the form that Anthropic's API takes."""

import json
from itertools import pairwise
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from aios.adapters.anthropic.request import MARK, NOTHING, to_body, to_counted
from aios.ports.chat_model import ChatMessage, ChatRequest, Role, ToolSpec
from aios.tasks.attempt_events import ToolCall

READ = ToolSpec("read_file", "Read.", {"type": "object", "properties": {}})
LIST = ToolSpec("list_files", "List.", {"type": "object", "properties": {}})
ONE, TWO = ToolCall(id="a", name="read_file", args={"path": "x"}), ToolCall(id="b", name="list_files")
SYSTEM, USER = ChatMessage(Role.SYSTEM, "You."), ChatMessage(Role.USER, "Do it.")
TURN = (
    ChatMessage(Role.ASSISTANT, "Let me look.", (ONE, TWO)),
    ChatMessage(Role.TOOL, "content", call_id="a"),
    ChatMessage(Role.TOOL, "", call_id="b"),
)


def text(said: str, **more: object) -> dict[str, object]:
    return {"type": "text", "text": said, **more}


def body(*messages: ChatMessage, tools: tuple[ToolSpec, ...] = (READ, LIST)) -> dict[str, Any]:
    return to_body(ChatRequest(messages, tools, max_output_tokens=99), "claude-x")


def test_a_question_is_system_tools_and_one_user_message() -> None:
    assert body(SYSTEM, USER) == {
        "model": "claude-x",
        "max_tokens": 99,
        "stream": True,
        "system": [text("You.", **MARK)],
        "tools": [
            {"name": "read_file", "description": "Read.", "input_schema": READ.parameters},
            {"name": "list_files", "description": "List.", "input_schema": LIST.parameters, **MARK},
        ],
        "messages": [{"role": "user", "content": [text("Do it.", **MARK)]}],
    }


def test_what_the_model_thought_stands_first_in_its_turn() -> None:
    thought = {"type": "thinking", "thinking": "Hm.", "signature": "s"}
    said = ChatMessage(Role.ASSISTANT, "Let me look.", (ONE,), thinking={"blocks": [thought]})
    assert [block["type"] for block in body(SYSTEM, USER, said)["messages"][1]["content"]] == [
        "thinking",
        "text",
        "tool_use",
    ]
    assert body(SYSTEM, USER, said)["messages"][1]["content"][0] == thought


def test_the_answers_to_all_calls_of_a_turn_are_one_message() -> None:
    asked, said, answered = body(SYSTEM, USER, *TURN)["messages"]
    assert asked["role"] == "user"
    assert said == {
        "role": "assistant",
        "content": [
            text("Let me look."),
            {"type": "tool_use", "id": "a", "name": "read_file", "input": {"path": "x"}},
            {"type": "tool_use", "id": "b", "name": "list_files", "input": {}},
        ],
    }
    assert answered == {
        "role": "user",
        "content": [
            {"type": "tool_result", "tool_use_id": "a", "content": [text("content")]},
            {"type": "tool_result", "tool_use_id": "b", "content": [text(NOTHING)], **MARK},
        ],
    }


def test_a_growing_conversation_reads_what_the_request_before_it_wrote() -> None:
    """The end of each request is marked, and stays marked in the next one: the same prefix, byte for byte."""
    before, after = body(SYSTEM, USER, *TURN), body(SYSTEM, USER, *TURN, *TURN)
    assert after["messages"][: len(before["messages"])][-1] == before["messages"][-1]
    assert before["messages"][-1]["content"][-1]["cache_control"] == {"type": "ephemeral"}
    assert (before["system"], before["tools"]) == (after["system"], after["tools"])


def test_at_most_four_places_are_marked() -> None:
    assert json.dumps(body(SYSTEM, USER, *TURN, *TURN, *TURN)).count("cache_control") == 4


def test_a_single_question_is_not_written_to_the_cache() -> None:
    assert "cache_control" not in json.dumps(body(USER, tools=())["messages"])


def test_a_count_asks_for_the_same_question_without_an_answer() -> None:
    counted = to_counted(ChatRequest((SYSTEM, USER), (READ,)), "claude-x")
    assert set(counted) == {"model", "system", "tools", "messages"}


TEXTS = st.sampled_from(["", " ", "\n", "words", "ü"])
TURNS = st.lists(
    st.one_of(
        st.builds(ChatMessage, st.just(Role.USER), TEXTS).map(lambda message: (message,)),
        st.builds(ChatMessage, st.just(Role.ASSISTANT), TEXTS).map(lambda message: (message,)),
        st.tuples(TEXTS, TEXTS).map(
            lambda texts: (
                ChatMessage(Role.ASSISTANT, texts[0], (ONE, TWO)),
                *(ChatMessage(Role.TOOL, texts[1], call_id=call.id) for call in (ONE, TWO)),
            )
        ),
    ),
    max_size=6,
).map(lambda turns: tuple(message for turn in turns for message in turn))


@given(TURNS, st.sampled_from(["", " ", "You."]))
def test_no_conversation_breaks_the_rules_of_the_api(turns: tuple[ChatMessage, ...], system: str) -> None:
    sent = body(ChatMessage(Role.SYSTEM, system), USER, *turns)
    speakers = [turn["role"] for turn in sent["messages"]]
    assert all(one != other for one, other in pairwise(speakers))
    for turn in sent["messages"]:
        assert turn["content"]
        kinds = [block["type"] for block in turn["content"]]
        assert kinds == sorted(kinds, key=lambda kind: kind != "tool_result") or turn["role"] == "assistant"
        for block in turn["content"]:
            inner = block["content"] if block["type"] == "tool_result" else [block]
            assert all(part["text"].strip() for part in inner if part["type"] == "text")
    assert json.dumps(sent).count("cache_control") <= 4
    assert all(block["text"].strip() for block in sent.get("system", []))
