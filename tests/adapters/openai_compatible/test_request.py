"""Our conversation as chat completions take it."""

import json

import jsonschema
import pytest

from aios.adapters.openai_compatible.model import openai_vendor
from aios.adapters.openai_compatible.plan_schema import PLAN_SCHEMA
from aios.adapters.openai_compatible.request import limit_name, to_body
from aios.naming import PLAN_TASK
from aios.ports.chat_model import ChatMessage, ChatRequest, Role, ToolSpec
from aios.projects.plan import _ASK, parse_plan
from aios.spec.model import ModelSpec
from aios.spec.vocabulary import Provider
from aios.tasks.attempt_events import ToolCall

HERE = "http://127.0.0.1:8000/v1"
READ = ToolSpec("read_file", "Read.", {"type": "object", "properties": {}})
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
    assert to_body(ChatRequest(said, (READ,), max_output_tokens=99), "m", endpoint=HERE) == {
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
    assert limit_name(endpoint) == name


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
    assert "response_format" in to_body(plan, "m", endpoint=HERE)
    assert "response_format" not in to_body(plan, "m", endpoint=HERE, constrain=False)
    assert "response_format" not in to_body(ChatRequest((USER,), labels={"task": "t"}), "m", endpoint=HERE)
    with_tools = ChatRequest((USER,), (READ,), labels={"task": PLAN_TASK})
    assert "response_format" not in to_body(with_tools, "m", endpoint=HERE)


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
