"""A chat request as a small model reads it: plain turns, and the tools explained in words it can imitate. Pure.

Chat templates of GGUF files differ in what they make of tools, and many know none. So nothing is left to them: calls
are written the way the constraint (constraint.py) makes the model write them, and a tool's answer comes from the user.
"""

import json
from collections.abc import Mapping, Sequence

from aios.adapters.llama_cpp.constraint import ARGS, DONE, TOOL, plans
from aios.ports.chat_model import ChatMessage, ChatRequest, Role, ToolSpec

Turn = dict[str, str]


DEMONSTRATED = "write_file"
_LESSON: tuple[Turn, ...] = (
    {
        "role": "user",
        "content": "Goal of the project bakery:\nA sign for the window of a bakery.\n\nYour task sign, attempt 1:\n"
        "Write one sentence that says that the bread is baked at six.\n\n"
        "Files that must exist when you finish: bread.txt\n\nIt is 2026-01-05T09:00:00+00:00.",
    },
    {
        "role": "assistant",
        "content": '{"tool": "write_file", "args": {"path": "bread.txt", "content": "Our bread is baked at six."}}',
    },
    {"role": "user", "content": "The tool answers: wrote bread.txt"},
    {"role": "assistant", "content": '{"done": "I wrote bread.txt."}'},
)
"""Shown before a conversation with that tool: a small model imitates what it cannot be told."""


def turns(request: ChatRequest) -> list[Turn]:
    """The conversation as `{"role": ..., "content": ...}`, system first, user and assistant in turns."""
    tools = () if plans(request) else request.tools
    merged: list[Turn] = []
    for message in request.messages:
        turn = _turn(message, bool(tools))
        if merged and merged[-1]["role"] == turn["role"]:
            # Templates may refuse two turns of one speaker.
            merged[-1]["content"] += f"\n\n{turn['content']}"
        else:
            merged.append(turn)
    if not tools:
        return merged
    system = merged.pop(0)["content"] if merged[0]["role"] == Role.SYSTEM else ""
    lesson = _LESSON if any(tool.name == DEMONSTRATED for tool in tools) else ()
    return [{"role": "system", "content": f"{system}\n\n{_manual(tools)}".strip()}, *lesson, *merged]


def _turn(message: ChatMessage, tools: bool) -> Turn:
    match message.role:
        case Role.TOOL:
            return {"role": "user", "content": f"The tool answers: {message.text}"}
        case Role.ASSISTANT if tools:
            said = [_spelled(call.name, call.args) for call in message.tool_calls] or [_done(message.text)]
            return {"role": "assistant", "content": "\n".join(said)}
        case _:
            return {"role": str(message.role), "content": message.text}


def _spelled(name: str, args: Mapping[str, object]) -> str:
    return json.dumps({TOOL: name, ARGS: args}, ensure_ascii=False)


def _done(text: str) -> str:
    return json.dumps({DONE: text}, ensure_ascii=False)


def _manual(tools: Sequence[ToolSpec]) -> str:
    lines = [f"- {tool.name}: {tool.description} args: {_arguments(tool)}" for tool in tools]
    return (
        'Answer with one JSON object: {"tool": ..., "args": {...}} uses a tool, {"done": "..."} ends the task.\n'
        "Tools:\n" + "\n".join(lines)
    )


def _arguments(tool: ToolSpec) -> str:
    properties = tool.parameters.get("properties")
    if not isinstance(properties, Mapping):
        return "none"
    return ", ".join(
        f"{name} ({one['description']})" if isinstance(one, Mapping) and "description" in one else str(name)
        for name, one in properties.items()
    )
