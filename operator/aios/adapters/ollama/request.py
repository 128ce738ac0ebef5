"""ChatRequest -> the body of Ollama's `POST /api/chat`. Pure. Refuses what certainly does not fit in the window.

Ollama loads a model with a window of 4096 tokens (more on large GPUs) unless told otherwise, whatever the model was
made for, and cuts a longer prompt at its front without a word: system prompt, tools and task go first. An answer that
reaches the window's end goes on over what it pushes out. So the window is always stated, and both are forbidden;
daemons of before October 2025 do not know that (reply.py looks for what they cut).
"""

import json
from collections.abc import Mapping
from typing import Any

from aios.errors import ModelCallError
from aios.ports.chat_model import ChatMessage, ChatRequest, Role, ToolSpec
from aios.spec.model import ModelSpec
from aios.spec.vocabulary import seconds

WINDOW = 8192
"""Tokens, where the spec states no contextWindow: within what every current model can, and little memory."""
THINKING = "thinking"
"""Models that think between calls of tools get their thoughts back (Ollama's documentation, "Thinking")."""
MOST_BYTES_A_TOKEN = 7
"""More than text, code or JSON reaches in any tokenizer in use (3 to 5 are usual)."""


def window(spec: ModelSpec) -> int:
    """Tokens the model is loaded with."""
    return spec.context_window or WINDOW


def to_body(request: ChatRequest, spec: ModelSpec) -> dict[str, Any]:
    """What is sent, streamed. Raises ModelCallError when the request cannot fit."""
    _check_size(request, spec)
    names = {call.id: call.name for message in request.messages for call in message.tool_calls}
    body: dict[str, Any] = {
        "model": spec.model or "",
        "messages": [_message(message, names) for message in request.messages],
        "tools": [_tool(tool) for tool in request.tools],
        "options": {"num_ctx": window(spec), "num_predict": request.max_output_tokens},
        "stream": True,
        "truncate": False,
        "shift": False,
    }
    if spec.keep_alive is not None:
        body["keep_alive"] = seconds(spec.keep_alive)
    return body


def size(request: ChatRequest) -> int:
    """Bytes of text the model has to read, without any punctuation of the protocol."""
    said = sum(
        len(message.text.encode())
        + sum(len(json.dumps(call.args, ensure_ascii=False)) for call in message.tool_calls)
        + sum(len(str(thought).encode()) for thought in message.thinking.values())
        for message in request.messages
    )
    return said + sum(len(tool.name) + len(tool.description) for tool in request.tools)


def _check_size(request: ChatRequest, spec: ModelSpec) -> None:
    least = size(request) // MOST_BYTES_A_TOKEN
    if least > window(spec):
        raise ModelCallError(
            f"the request is at least {least:,} tokens long, model {spec.model} is loaded with a window of "
            f"{window(spec):,}: raise spec.contextWindow (as far as the model was made for and memory allows) or give "
            "the task less to read. Nothing was sent.",
            transient=False,
        )


def _message(message: ChatMessage, names: Mapping[str, str]) -> dict[str, object]:
    turn: dict[str, object] = {"role": str(message.role), "content": message.text}
    if thought := message.thinking.get(THINKING):
        turn[THINKING] = thought
    if message.tool_calls:
        turn["tool_calls"] = [{"function": {"name": c.name, "arguments": c.args}} for c in message.tool_calls]
    if message.role is Role.TOOL:
        # Ollama knows no call ids: an answer names its tool, and answers come in the order of the calls.
        turn["tool_name"] = names.get(message.call_id, "")
    return turn


def _tool(tool: ToolSpec) -> dict[str, object]:
    function = {"name": tool.name, "description": tool.description, "parameters": dict(tool.parameters)}
    return {"type": "function", "function": function}
