"""What a call costs, and what it can cost at most. Pure; USD in Decimal."""

import json
from decimal import Decimal

from aios.ports.chat_model import ChatRequest
from aios.spec.model import ModelSpec
from aios.tasks.attempt_events import Usage

PER = Decimal(1_000_000)
TOOL_PROMPT = 1_000
"""Tokens of a system prompt that providers add unseen where there are tools: up to 804 at Anthropic (pricing page of
platform.claude.com, "Tool use")."""


def cost(usage: Usage, model: ModelSpec) -> Decimal:
    """USD for what a call used, unrounded."""
    return (
        usage.input_tokens * model.input_price
        + usage.cache_read_tokens * model.cache_read_price
        + usage.cache_write_tokens * model.cache_write_price
        + usage.output_tokens * model.output_price
    ) / PER


def worst_case(request: ChatRequest, model: ModelSpec) -> Decimal:
    """USD the call can cost at most.

    `max_output_tokens` bounds what is written, thinking included. Input counts at the dearest way it can be read.
    """
    dearest = max(model.input_price, model.cache_read_price, model.cache_write_price)
    return (most_input_tokens(request) * dearest + request.max_output_tokens * model.output_price) / PER


def most_input_tokens(request: ChatRequest) -> int:
    """Tokens the request can be at most.

    A token stands for at least one byte of text in every tokenizer in use. What a provider adds around messages is far
    below the JSON punctuation that is counted here; what it adds for tools is not.
    """
    size = len(json.dumps(spelled(request), ensure_ascii=False).encode())
    return size + (TOOL_PROMPT if request.tools else 0)


def spelled(request: ChatRequest) -> dict[str, object]:
    """What the provider reads of a request, as JSON values: messages, tools and the bound on the answer."""
    return {
        "messages": [
            {
                "role": message.role,
                "text": message.text,
                "calls": [call.model_dump(mode="json") for call in message.tool_calls],
                "answers": message.call_id,
                **({"thinking": dict(message.thinking)} if message.thinking else {}),
            }
            for message in request.messages
        ],
        "tools": [
            {"name": tool.name, "description": tool.description, "parameters": dict(tool.parameters)}
            for tool in request.tools
        ],
        "max_output_tokens": request.max_output_tokens,
    }
