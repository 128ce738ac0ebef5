"""Our request -> the body of `POST /chat/completions`. Pure.

Servers differ in what they know of this API, so only what all of them know is sent, and what some refuse is left out
once they have (terms.py): texts are empty strings and never null; no mark or option that only one vendor has.
"""

import json
from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit

from aios.adapters.openai_compatible.plan_schema import PLAN_SCHEMA
from aios.adapters.openai_compatible.terms import NEW_NAME, OLD_NAME, Terms
from aios.naming import PLAN_TASK
from aios.ports.chat_model import ChatMessage, ChatRequest, Role, ToolSpec

THOUGHT = "reasoning_content"
OPENAI = ("openai.com", "openai.azure.com")


def to_body(request: ChatRequest, model: str, terms: Terms) -> dict[str, object]:
    """What is sent, streamed."""
    blank = _blank_thought(request.messages) if terms.thoughts else {}
    return {
        "model": model,
        "stream": True,
        **({"stream_options": {"include_usage": True}} if terms.counts else {}),
        terms.limit: request.max_output_tokens,
        "messages": [_message(message, terms, blank) for message in request.messages],
        **_tools(request.tools),
        **(_plan_format() if terms.schemas and wants_plan(request) else {}),
    }


def first_terms(endpoint: str) -> Terms:
    """What is tried first. OpenAI's own reasoning models refuse the old name of the bound, other servers may not know
    the new one."""
    host = (urlsplit(endpoint).hostname or "").rstrip(".")
    vendors_own = any(host == domain or host.endswith(f".{domain}") for domain in OPENAI)
    return Terms(limit=NEW_NAME if vendors_own else OLD_NAME)


def wants_plan(request: ChatRequest) -> bool:
    """Whether the answer has to be a plan. With tools the model may look around first, so its text is free."""
    return request.labels.get("task") == PLAN_TASK and not request.tools


def holds_thinking(request: ChatRequest) -> bool:
    """Whether there is anything to give back that a server may not want."""
    return any(message.thinking for message in request.messages)


def _blank_thought(messages: Sequence[ChatMessage]) -> Mapping[str, object]:
    """What stands for a thought in turns that have none where others have: DeepSeek wants the field in every turn that
    calls tools, also when the model did not think before it."""
    thinks = any(THOUGHT in _object(message.thinking, "message") for message in messages)
    return {THOUGHT: ""} if thinks else {}


def _message(message: ChatMessage, terms: Terms, blank: Mapping[str, object]) -> dict[str, object]:
    thinking = message.thinking if terms.thoughts else {}
    thought = {**(blank if message.tool_calls else {}), **_object(thinking, "message")}
    told: dict[str, object] = {"role": str(message.role), "content": message.text, **thought}
    if message.role is Role.TOOL:
        told["tool_call_id"] = message.call_id
    if message.tool_calls:
        signed = _object(thinking, "calls")
        told["tool_calls"] = [
            {**_call(call.id, call.name, call.args), **_object(signed, str(place))}
            for place, call in enumerate(message.tool_calls)
        ]
    return told


def _call(identity: str, name: str, args: Mapping[str, object]) -> dict[str, object]:
    return {
        "id": identity,
        "type": "function",
        "function": {"name": name, "arguments": json.dumps(dict(args), ensure_ascii=False)},
    }


def _object(holder: Mapping[str, object], name: str) -> Mapping[str, object]:
    found = holder.get(name)
    return found if isinstance(found, Mapping) else {}


def _tools(tools: Sequence[ToolSpec]) -> dict[str, object]:
    told = [
        {
            "type": "function",
            "function": {"name": tool.name, "description": tool.description, "parameters": dict(tool.parameters)},
        }
        for tool in tools
    ]
    return {"tools": told} if told else {}


def _plan_format() -> dict[str, object]:
    return {"response_format": {"type": "json_schema", "json_schema": {"name": "plan", "schema": PLAN_SCHEMA}}}
