"""The schemas that answers are held to, by a validator of their own."""

from dataclasses import replace
from typing import Any

import jsonschema
import pytest

from aios.adapters.llama_cpp.constraint import constraint
from aios.adapters.llama_cpp.prompt import turns
from aios.naming import PLAN_TASK
from aios.ports.chat_model import ChatMessage, ChatRequest, Role, ToolSpec
from aios.projects.plan import graph_faults, parse_plan
from aios.tasks.attempt_events import ToolCall

PATHS = {"type": "object", "properties": {"path": {"$ref": "#/$defs/Path"}}, "required": ["path"]}
WRITE = ToolSpec(
    "write_file",
    "Create a file.",
    {
        "type": "object",
        "properties": {"path": {"type": "string"}, "content": {"type": "string"}},
        "required": ["path", "content"],
        "additionalProperties": False,
    },
)
DELETE = ToolSpec("delete_file", "Delete a file.", {**PATHS, "$defs": {"Path": {"type": "string", "minLength": 1}}})
ASK = ChatRequest((ChatMessage(Role.SYSTEM, "You."), ChatMessage(Role.USER, "Do it.")), (WRITE, DELETE))
OUTPUTS = replace(ASK, labels={"outputs": "a.txt\nb.txt\n*.md"})
A = {"tool": "write_file", "args": {"path": "a.txt", "content": "A."}}
B = {"tool": "write_file", "args": {"path": "b.txt", "content": "B."}}
GONE = {"tool": "delete_file", "args": {"path": "a.txt"}}
DONE = {"done": "I wrote it."}


def permits(request: ChatRequest, answer: object, *, led: bool) -> bool:
    schema = constraint(request, led=led)
    assert schema is not None
    return jsonschema.Draft202012Validator(schema).is_valid(answer)


def after(*paths: str) -> ChatRequest:
    """The request once these files were written."""
    spoken = [
        ChatMessage(Role.ASSISTANT, "", (ToolCall(id=path, name="write_file", args={"path": path, "content": "x"}),))
        for path in paths
    ]
    return replace(OUTPUTS, messages=(*OUTPUTS.messages, *spoken))


@pytest.mark.parametrize("answer", [A, B, GONE, DONE])
def test_a_large_model_calls_any_tool_or_ends(answer: object) -> None:
    assert permits(OUTPUTS, answer, led=False)


@pytest.mark.parametrize(
    "answer",
    [
        {"tool": "rm", "args": {}},
        {"tool": "write_file", "args": {"path": "a.txt"}},
        {"tool": "delete_file", "args": {"path": ""}},
        {"tool": "write_file", "args": {"path": "a", "content": "", "mode": 1}},
        {**A, **DONE},
        {},
    ],
)
def test_no_model_says_what_fits_no_tool(answer: object) -> None:
    assert not permits(ASK, answer, led=False)
    assert not permits(ASK, answer, led=True)


def test_a_small_model_is_led_from_output_to_output_to_the_end() -> None:
    stages = [OUTPUTS, after("a.txt"), after("a.txt", "b.txt")]
    assert [[permits(stage, answer, led=True) for answer in (A, B, DONE)] for stage in stages] == [
        [True, False, False],
        [False, True, False],
        [False, False, True],
    ]
    assert not permits(OUTPUTS, GONE, led=True)


def test_a_small_model_without_outputs_or_without_that_tool_chooses_freely() -> None:
    assert permits(ASK, GONE, led=True)
    assert permits(replace(OUTPUTS, tools=(DELETE,)), DONE, led=True)


def test_without_tools_any_text_will_do() -> None:
    assert constraint(replace(ASK, tools=()), led=True) is None


@pytest.mark.parametrize("led", [True, False])
def test_every_plan_that_is_permitted_is_one_that_can_be_read(led: bool) -> None:
    request = replace(ASK, labels={"task": PLAN_TASK})
    tasks: list[dict[str, Any]] = [
        {"name": "step-1", "instructions": "Write the words."},
        {"name": "step-2", "instructions": "Check the words.", "dependsOn": ["step-1"]},
    ]
    assert permits(request, {"tasks": tasks}, led=led)
    assert graph_faults(parse_plan(str({"tasks": tasks}).replace("'", '"'))) == []
    for wrong in ([], [tasks[1]], [tasks[0], tasks[0]], [{**tasks[0], "dependsOn": ["step-1"]}], [DONE]):
        assert not permits(request, {"tasks": wrong}, led=led)


def test_the_longest_plan_fits_in_the_longest_answer() -> None:
    schema: Any = constraint(replace(ASK, labels={"task": PLAN_TASK}, max_output_tokens=1024), led=True)
    longest = schema["properties"]["tasks"]["anyOf"][-1]["prefixItems"]
    assert sum(task["properties"]["instructions"]["maxLength"] for task in longest) < 1024 * 2


def test_a_conversation_is_told_in_turns_with_calls_as_they_are_constrained() -> None:
    told = turns(
        replace(
            after("a.txt"), messages=(*after("a.txt").messages, ChatMessage(Role.TOOL, "wrote a.txt", call_id="a.txt"))
        )
    )
    assert [turn["role"] for turn in told] == ["system", *["user", "assistant"] * 3, "user"]
    assert "write_file" in told[0]["content"]
    assert told[-2]["content"] == '{"tool": "write_file", "args": {"path": "a.txt", "content": "x"}}'
    assert told[-1]["content"] == "The tool answers: wrote a.txt"
