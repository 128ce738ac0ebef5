"""The JSON schema an answer is held to while it is written: a tool call that fits the tool, an end, or a plan. Pure.

A constraint gives form, not sense. What cannot be said in a schema (that a path exists, that a member can do a task) is
judged where it always is, and goes back to the model.
"""

import json
from collections.abc import Mapping, Sequence

from aios.naming import PLAN_TASK
from aios.ports.chat_model import ChatRequest, ToolSpec

TOOL, ARGS, DONE = "tool", "args", "done"
DEFINITIONS = "$defs"
WRITER, GLOB = "write_file", frozenset("*?[")
MOST_SAID = 200
MOST_TASKS, MOST_TASKS_LED = 12, 4
CHARACTERS_A_TOKEN = 2
"""Characters of a bounded text a token of maxOutputTokens: half of the usual, so that it ends before it is cut off."""
_SPACING = {"whitespace_flexible": False, "item_separator": ", ", "key_separator": ": "}
"""Read by llama.cpp's grammar engine (LLGuidance): JSON on one line. Small models else indent without an end."""

Schema = dict[str, object]


def plans(request: ChatRequest) -> bool:
    """Whether a plan is asked for."""
    return request.labels.get("task") == PLAN_TASK


def constraint(request: ChatRequest, *, led: bool) -> Schema | None:
    """The schema of the answer; None where any text will do. `led`: the model is too small to find its next step."""
    if plans(request):
        return {"x-guidance": _SPACING, **_plan(request.max_output_tokens, MOST_TASKS_LED if led else MOST_TASKS)}
    if request.tools:
        answers = _led(request) if led else _free(request)
        return {"x-guidance": _SPACING, "anyOf": answers, DEFINITIONS: _definitions(request.tools)}
    return None


def _free(request: ChatRequest) -> list[Schema]:
    return [*(_call(tool) for tool in request.tools), _done()]


def _led(request: ChatRequest) -> list[Schema]:
    """One step only: write the first output that was not written yet, or end. The model fills in the words, within
    bounds that let it end. Where the task names no file as its output it chooses freely."""
    writer = next((tool for tool in request.tools if tool.name == WRITER), None)
    outputs = [output for output in request.labels.get("outputs", "").split("\n") if output and not GLOB & set(output)]
    if writer is None or not outputs:
        return _free(request)
    written = {call.args.get("path") for message in request.messages for call in message.tool_calls}
    missing = next((output for output in outputs if output not in written), None)
    if missing is None:
        return [_done(MOST_SAID)]
    return [_write(writer, missing, request.max_output_tokens * CHARACTERS_A_TOKEN)]


def _write(writer: ToolSpec, path: str, longest: int) -> Schema:
    content = {"type": "string", "minLength": 1, "maxLength": longest}
    return _object({TOOL: {"const": writer.name}, ARGS: _object({"path": {"const": path}, "content": content})})


def _object(properties: Mapping[str, object], required: Sequence[str] = ()) -> Schema:
    return {
        "type": "object",
        "properties": dict(properties),
        "required": list(required or properties),
        "additionalProperties": False,
    }


def _call(tool: ToolSpec) -> Schema:
    parameters = {key: value for key, value in tool.parameters.items() if key != DEFINITIONS}
    return _object({TOOL: {"const": tool.name}, ARGS: parameters})


def _definitions(tools: Sequence[ToolSpec]) -> Schema:
    """What the tools' parameters refer to, where a reference finds it: at the root."""
    found: Schema = {}
    for tool in tools:
        definitions = tool.parameters.get(DEFINITIONS)
        found |= dict(definitions) if isinstance(definitions, Mapping) else {}
    return found


def _done(longest: int | None = None) -> Schema:
    text: Schema = {"type": "string"}
    return _object({DONE: text if longest is None else {**text, "maxLength": longest}})


def _plan(tokens: int, most: int) -> Schema:
    """Tasks are named by their place, so that no two have one name and none waits for a later one. Who does them and
    how hard they are is left to the router: a guess of the model's could only make the plan impossible."""
    longest = max(40, tokens * CHARACTERS_A_TOKEN // most - len(json.dumps(_example(most))))
    return _object({"tasks": {"anyOf": [_tasks(number, longest) for number in range(1, most + 1)]}})


def _example(place: int) -> Schema:
    """A task without its instructions, as long as it gets."""
    return {"name": _name(place), "instructions": "", "dependsOn": [_name(earlier) for earlier in range(1, place)]}


def _tasks(number: int, longest: int) -> Schema:
    return {
        "type": "array",
        "prefixItems": [_task(place, longest) for place in range(1, number + 1)],
        "items": False,
        "minItems": number,
        "maxItems": number,
    }


def _task(place: int, longest: int) -> Schema:
    earlier: Schema = {
        "type": "array",
        "items": {"enum": [_name(before) for before in range(1, place)]},
        "maxItems": place - 1,
    }
    properties: Schema = {
        "name": {"const": _name(place)},
        "instructions": {"type": "string", "minLength": 10, "maxLength": longest},
    } | ({"dependsOn": earlier} if place > 1 else {})
    return _object(properties, ["name", "instructions"])


def _name(place: int) -> str:
    return f"step-{place}"
