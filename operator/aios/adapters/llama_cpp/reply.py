"""llama.cpp's stream of events -> our Reply. Refuses to pass off half an answer as a whole one."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from aios.adapters.llama_cpp.constraint import ARGS, DONE, TOOL
from aios.errors import ModelCallError
from aios.models.unusable import UnusableAnswerError
from aios.tasks.attempt_events import Reply, ToolCall, Usage

Event = Mapping[str, Any]
CONTEXT = "exceed_context_size_error"


def to_reply(events: Sequence[Event], *, model: str, tools: bool) -> Reply:
    """The answer that `events` spell. `tools`: it was held to the schema of tool calls.

    Raises ModelCallError when llama.cpp refused, or when the answer did not end within its bound.
    """
    for event in events:
        if "error" in event:
            raise _refusal(event["error"], model)
    text, cut = _text(events), "length" in _ends(events)
    usage = _usage(events)
    if cut and tools:
        raise UnusableAnswerError(
            f"{model} was cut off at {usage.output_tokens} tokens within a tool call: raise spec.maxOutputTokens",
            usage=usage,
        )
    said: dict[str, Any] = json.loads(text) if tools else {DONE: text}
    calls = (ToolCall(id="", name=said[TOOL], args=said[ARGS]),) if TOOL in said else ()
    return Reply(text=said.get(DONE, ""), tool_calls=calls, usage=usage, model=model)


def _refusal(error: Mapping[str, Any], model: str) -> ModelCallError:
    if error.get("type") == CONTEXT:
        return ModelCallError(
            f"{model}: the request has {error.get('n_prompt_tokens')} tokens, the context {error.get('n_ctx')}: raise "
            "spec.contextWindow (as far as the model was made for) or give the task less to read",
            transient=False,
        )
    return ModelCallError(f"{model}: {error.get('message', error)}", transient=False)


def _choices(events: Iterable[Event]) -> Iterable[Mapping[str, Any]]:
    return (choice for event in events for choice in event.get("choices", ()))


def _text(events: Iterable[Event]) -> str:
    return "".join(choice.get("delta", {}).get("content") or "" for choice in _choices(events))


def _ends(events: Iterable[Event]) -> set[str]:
    return {choice["finish_reason"] for choice in _choices(events) if choice.get("finish_reason")}


def _usage(events: Sequence[Event]) -> Usage:
    counted = next((event["usage"] for event in reversed(events) if event.get("usage")), None)
    if counted is None:
        raise ModelCallError("llama.cpp ended its answer without a count of tokens", transient=True)
    return Usage(input_tokens=counted["prompt_tokens"], output_tokens=counted["completion_tokens"])
