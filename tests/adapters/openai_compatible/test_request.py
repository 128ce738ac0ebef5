"""Our conversation as chat completions take it."""

import json
from typing import Any

import jsonschema
import pytest

from aios.adapters.openai_compatible.model import openai_vendor
from aios.adapters.openai_compatible.plan_schema import PLAN_SCHEMA
from aios.adapters.openai_compatible.request import first_terms, to_body
from aios.adapters.openai_compatible.terms import NEW_NAME, OLD_NAME, Terms
from aios.naming import PLAN_TASK
from aios.ports.chat_model import ChatMessage, ChatRequest, Role, ToolSpec
from aios.projects.plan import _ASK, parse_plan
from aios.spec.model import ModelSpec
from aios.spec.vocabulary import Provider
from aios.tasks.attempt_events import ToolCall

READ = ToolSpec("read_file", "Read.", {"type": "object", "properties": {}})
FIRST = Terms()
USER = ChatMessage(Role.USER, "Do it.")
CALLS = (ToolCall(id="a", name="read_file", args={"path": "ü"}), ToolCall(id="b", name="read_file"))


def test_a_conversation_keeps_its_turns() -> None:
    said = (
        ChatMessage(Role.SYSTEM, "You."),
        USER,
        ChatMessage(Role.ASSISTANT, "", CALLS),
        ChatMessage(Role.TOOL, "content", call_id="a"),
        ChatMessage(Role.TOOL, "", call_id="b"),
    )
    assert to_body(ChatRequest(said, (READ,), max_output_tokens=99), "m", Terms()) == {
        "model": "m",
        "stream": True,
        "stream_options": {"include_usage": True},
        "max_tokens": 99,
        "messages": [
            {"role": "system", "content": "You."},
            {"role": "user", "content": "Do it."},
            {
                "role": "assistant",
                "content": "",
                "tool_calls": [
                    {"id": "a", "type": "function", "function": {"name": "read_file", "arguments": '{"path": "ü"}'}},
                    {"id": "b", "type": "function", "function": {"name": "read_file", "arguments": "{}"}},
                ],
            },
            {"role": "tool", "content": "content", "tool_call_id": "a"},
            {"role": "tool", "content": "", "tool_call_id": "b"},
        ],
        "tools": [
            {
                "type": "function",
                "function": {"name": "read_file", "description": "Read.", "parameters": READ.parameters},
            }
        ],
    }


@pytest.mark.parametrize(
    ("endpoint", "name"),
    [
        ("https://api.openai.com/v1", "max_completion_tokens"),
        ("https://eu.api.openai.com/v1", "max_completion_tokens"),
        ("https://mine.openai.azure.com/openai/v1", "max_completion_tokens"),
        ("http://vllm.models.svc:8000/v1", "max_tokens"),
        ("https://notopenai.com/v1", "max_tokens"),
    ],
)
def test_the_bound_has_the_name_that_the_server_knows(endpoint: str, name: str) -> None:
    assert first_terms(endpoint) == Terms(limit=name)


@pytest.mark.parametrize(
    ("stated", "used"),
    [
        ("http://vllm:8000", "http://vllm:8000/v1"),
        ("http://vllm:8000/", "http://vllm:8000/v1"),
        ("http://vllm:8000/v1", "http://vllm:8000/v1"),
        ("http://proxy/openai/v1/", "http://proxy/openai/v1"),
        (None, "https://api.openai.com/v1"),
    ],
)
def test_an_endpoint_without_a_path_is_completed(stated: str | None, used: str) -> None:
    spec = ModelSpec.model_construct(provider=Provider.OPENAI_COMPATIBLE, model="m", endpoint=stated)
    assert openai_vendor("strong", spec).endpoint == used


def test_only_a_plan_is_held_to_a_schema() -> None:
    plan = ChatRequest((USER,), labels={"task": PLAN_TASK})
    assert "response_format" in to_body(plan, "m", Terms())
    assert "response_format" not in to_body(plan, "m", Terms(schemas=False))
    assert "response_format" not in to_body(ChatRequest((USER,), labels={"task": "t"}), "m", Terms())
    with_tools = ChatRequest((USER,), (READ,), labels={"task": PLAN_TASK})
    assert "response_format" not in to_body(with_tools, "m", Terms())


def test_the_schema_allows_what_the_planner_is_asked_for_and_its_reader_reads() -> None:
    example = _ASK[_ASK.index("{") : _ASK.index("name: lower")]
    jsonschema.validate(json.loads(example), PLAN_SCHEMA)
    (task,) = parse_plan(example.replace("NAME", "writer"))
    properties = json.dumps(PLAN_SCHEMA)
    stated = task.model_dump(by_alias=True, exclude_unset=True)
    assert all(f'"{name}"' in properties for name in stated)


@pytest.mark.parametrize("plan", [{}, {"tasks": []}, {"tasks": [{"name": "a"}]}, {"tasks": [{"more": 1}]}])
def test_the_schema_refuses_what_no_plan_is(plan: object) -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(plan, PLAN_SCHEMA)


UNSUPPORTED = (
    "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead."
)
EXTRA = [{"type": "extra_forbidden", "loc": ["body", "stream_options"], "msg": "Extra inputs are not permitted"}]
NO_NEW_NAME = {"detail": [{"type": "extra_forbidden", "loc": ["body", "max_completion_tokens"]}]}
TOO_MANY = "max_completion_tokens is too large: 65536. This model supports at most 16384 completion tokens."
ABOVE = (
    "The parameter `max_completion_tokens` specified in the request are not valid: integer above maximum value, "
    "expected a value <= 12288, but got 32000 instead."
)
WINDOW = "This model's maximum context length is 8192 tokens, max_completion_tokens included."


@pytest.mark.parametrize(
    ("terms", "status", "body", "then"),
    [
        (Terms(), 400, {"error": {"message": UNSUPPORTED}}, Terms(limit=NEW_NAME, renamed=True)),
        (Terms(limit=NEW_NAME), 422, NO_NEW_NAME, Terms(limit=OLD_NAME, renamed=True)),
        (Terms(limit=NEW_NAME, renamed=True), 422, NO_NEW_NAME, None),
        (Terms(), 422, {"detail": EXTRA}, Terms(counts=False)),
        (Terms(counts=False), 422, {"detail": EXTRA}, None),
        (Terms(), 400, {"error": {"message": WINDOW}}, None),
        (Terms(), 400, {"error": {"message": "too long", "code": "context_length_exceeded"}}, None),
        (Terms(), 400, {"error": {"message": "no such tool"}}, None),
        (Terms(), 401, {"error": {"message": "stream_options"}}, None),
        (Terms(limit=NEW_NAME), 400, {"error": {"message": TOO_MANY}}, None),
        (Terms(limit=NEW_NAME), 400, {"error": {"message": ABOVE}}, None),
        (Terms(limit=NEW_NAME), 400, {"error": {"message": "max_completion_tokens is a number"}}, None),
    ],
)
def test_what_a_server_refuses_is_left_out_once(terms: Terms, status: int, body: object, then: Terms | None) -> None:
    assert terms.milder(status, body, constrained=False) == then


def test_a_plan_without_its_schema_is_milder_unless_it_is_too_long() -> None:
    assert Terms().milder(400, {"error": {"message": "response_format"}}, constrained=True) == Terms(schemas=False)
    for asks_for_less in (WINDOW, TOO_MANY, ABOVE):
        assert Terms().milder(400, {"error": {"message": asks_for_less}}, constrained=True) is None


def test_a_server_that_counts_no_tokens_is_not_asked_for_them() -> None:
    assert "stream_options" not in to_body(ChatRequest((USER,)), "m", Terms(counts=False))


SIGNED = {"extra_content": {"google": {"thought_signature": "s"}}}
THOUGHTFUL = ChatMessage(
    Role.ASSISTANT, "", CALLS, thinking={"message": {"reasoning_content": "Hm."}, "calls": {"1": SIGNED}}
)


def test_what_the_model_thought_is_given_back_where_it_came_from() -> None:
    (said,) = spoken_by_the_model(Terms())
    assert said["reasoning_content"] == "Hm."
    assert [call.get("extra_content") for call in said["tool_calls"]] == [None, SIGNED["extra_content"]]


WANTED = [
    "The `reasoning_content` in the thinking mode must be passed back to the API.",
    "Function call is missing a thought_signature in functionCall parts. This is required for tools to work correctly, "
    "and missing thought_signature may lead to degraded model performance.",
    "messages.1.content.0.type: Expected `thinking` or `redacted_thinking`, but found `text`. When `thinking` is "
    "enabled, a final `assistant` message must start with a thinking block.",
]


@pytest.mark.parametrize("said", WANTED)
def test_a_server_that_misses_a_thought_is_not_asked_without_the_others(said: str) -> None:
    assert Terms().milder(400, {"error": {"message": said}}, thoughtful=True) is None


def test_a_turn_without_a_thought_has_an_empty_one_where_others_have_theirs() -> None:
    hasty = ChatMessage(Role.ASSISTANT, "", CALLS[:1])
    ended = ChatMessage(Role.ASSISTANT, "Done?")
    assert thoughts(USER, hasty, THOUGHTFUL, ended) == [None, "", "Hm.", None]
    assert thoughts(USER, hasty, THOUGHTFUL, terms=Terms(thoughts=False)) == [None, None, None]
    assert thoughts(USER, hasty) == [None, None]


def thoughts(*said: ChatMessage, terms: Terms = FIRST) -> list[str | None]:
    messages: Any = to_body(ChatRequest(said), "m", terms)["messages"]
    return [message.get("reasoning_content") for message in messages]


@pytest.mark.parametrize(
    "said",
    [
        "messages.2: property 'reasoning_content' is unsupported",
        "'messages.1' : for 'role:assistant' the following must be satisfied[('messages.1' : property "
        "'reasoning_content' is unsupported)]",
        "messages.1.content.0: Invalid `signature` in `thinking` block",
    ],
)
def test_what_the_model_thought_is_kept_from_a_server_that_refuses_it(said: str) -> None:
    refused = {"error": {"message": said}}
    assert Terms().milder(400, refused) is None, "nothing of the kind was sent"
    milder = Terms().milder(400, refused, thoughtful=True)
    assert milder == Terms(thoughts=False)
    (turn,) = spoken_by_the_model(milder)
    assert "reasoning_content" not in turn
    assert not any("extra_content" in call for call in turn["tool_calls"])
    assert milder.milder(400, refused, thoughtful=True) is None


def spoken_by_the_model(terms: Terms) -> list[dict[str, Any]]:
    messages: Any = to_body(ChatRequest((USER, THOUGHTFUL), (READ,)), "m", terms)["messages"]
    return [message for message in messages if message["role"] == "assistant"]
