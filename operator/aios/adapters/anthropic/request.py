"""Our request -> the body of Anthropic's `POST /v1/messages`. Pure.

The rules of that API which shape this file: the system prompt stands apart; user and assistant take turns; the answers
to all tool calls of a turn come in one user message, before any other text; a text block is never empty or blank; a
conversation is cached up to each of at most four marks, in the order tools, system, messages.
"""

from collections.abc import Mapping, Sequence

from aios.ports.chat_model import ChatMessage, ChatRequest, Role, ToolSpec

Block = dict[str, object]

MARK = {"cache_control": {"type": "ephemeral"}}
NOTHING = "(nothing)"
"""Stands for a text that is empty where the API wants one."""


def to_body(request: ChatRequest, model: str) -> dict[str, object]:
    """What is sent, streamed. With tools a conversation will go on, so that what has been said is cached for the next
    turn; a single question is not worth the price of writing it to the cache."""
    turns = _turns(request.messages)
    if request.tools:
        _mark_turns(turns)
    return {
        "model": model,
        "max_tokens": request.max_output_tokens,
        "stream": True,
        **_system(request.messages),
        **_tools(request.tools),
        "messages": turns,
    }


def to_counted(request: ChatRequest, model: str) -> dict[str, object]:
    """The body of `POST /v1/messages/count_tokens` for the same question."""
    body = to_body(request, model)
    return {name: value for name, value in body.items() if name not in {"max_tokens", "stream"}}


def _system(messages: Sequence[ChatMessage]) -> dict[str, object]:
    text = "\n\n".join(m.text for m in messages if m.role is Role.SYSTEM and m.text.strip())
    return {"system": [{"type": "text", "text": text, **MARK}]} if text else {}


def _tools(tools: Sequence[ToolSpec]) -> dict[str, object]:
    told: list[Block] = [
        {"name": tool.name, "description": tool.description, "input_schema": dict(tool.parameters)} for tool in tools
    ]
    if told:
        told[-1].update(MARK)
    return {"tools": told} if told else {}


def _turns(messages: Sequence[ChatMessage]) -> list[dict[str, object]]:
    turns: list[tuple[str, list[Block]]] = []
    for message in messages:
        if message.role is Role.SYSTEM:
            continue
        speaker = "assistant" if message.role is Role.ASSISTANT else "user"
        if not turns or turns[-1][0] != speaker:
            turns.append((speaker, []))
        turns[-1][1].extend(_blocks(message))
    return [{"role": speaker, "content": blocks or _text(NOTHING)} for speaker, blocks in turns]


def _blocks(message: ChatMessage) -> list[Block]:
    if message.role is Role.TOOL:
        answer: Block = {"type": "tool_result", "tool_use_id": message.call_id, "content": _text(message.text)}
        return [answer] if message.text.strip() else [{**answer, "content": _text(NOTHING)}]
    calls: list[Block] = [
        {"type": "tool_use", "id": call.id, "name": call.name, "input": call.args} for call in message.tool_calls
    ]
    return [*_thoughts(message), *(_text(message.text) if message.text.strip() else []), *calls]


def _thoughts(message: ChatMessage) -> list[Block]:
    """What the model thought before it called tools, as `reply.py` kept it: without it, it would think anew."""
    kept = message.thinking.get("blocks")
    return [dict(block) for block in kept if isinstance(block, Mapping)] if isinstance(kept, list) else []


def _text(text: str) -> list[Block]:
    return [{"type": "text", "text": text}]


def _mark_turns(turns: list[dict[str, object]]) -> None:
    """Mark the end, which the next request will read, and the end of the request before this one, which is in the cache
    already: looking back from one mark the API finds an earlier one only within 20 blocks."""
    asked = [turn for turn in turns if turn["role"] == "user"]
    for turn in asked[-2:]:
        blocks = turn["content"]
        if isinstance(blocks, list):
            blocks[-1].update(MARK)
