"""What a call costs, and what it can cost at most. Pure; USD in Decimal."""

import json
from decimal import Decimal

from aios.ports.chat_model import ChatRequest
from aios.spec.model import ModelSpec
from aios.tasks.attempt_events import Usage

PER = Decimal(1_000_000)


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

    A token stands for at least one byte of text in every tokenizer in use, so the request's bytes bound its input
    tokens; `max_output_tokens` bounds the rest. Input counts at the dearest way it can be read. What a provider adds
    around messages and tools is far below the JSON punctuation that is counted here.
    """
    size = len(json.dumps(spelled(request), ensure_ascii=False).encode())
    dearest = max(model.input_price, model.cache_read_price, model.cache_write_price)
    return (size * dearest + request.max_output_tokens * model.output_price) / PER


def spelled(request: ChatRequest) -> dict[str, object]:
    """What the provider reads of a request, as JSON values: messages, tools and the bound on the answer."""
    return {
        "messages": [
            {
                "role": message.role,
                "text": message.text,
                "calls": [call.model_dump(mode="json") for call in message.tool_calls],
                "answers": message.call_id,
            }
            for message in request.messages
        ],
        "tools": [
            {"name": tool.name, "description": tool.description, "parameters": dict(tool.parameters)}
            for tool in request.tools
        ],
        "max_output_tokens": request.max_output_tokens,
    }
