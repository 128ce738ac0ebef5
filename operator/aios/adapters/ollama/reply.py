"""Ollama's stream -> Reply. Refuses a stream that ended early, and an answer to a prompt that Ollama cut."""

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import TYPE_CHECKING

from aios.adapters.model_api.text import valid_text
from aios.adapters.ollama.request import MOST_BYTES_A_TOKEN
from aios.errors import ModelCallError
from aios.tasks.attempt_events import Reply, ToolCall, Usage

LONGEST = 8 * 2**20

if TYPE_CHECKING:
    from ollama import ChatResponse


async def assemble(parts: "AsyncIterator[ChatResponse]", *, model: str, tools: bool) -> Reply:
    """The whole answer. `tools`: some were offered.

    Raises ModelCallError when the stream ends before Ollama said that it is done, or when the answer was cut off at
    maxOutputTokens where a tool call could have stood.
    """
    text, calls = "", list[ToolCall]()
    async for part in parts:
        text += part.message.content or ""
        calls += _calls(part)
        if len(text) > LONGEST:
            raise _broken(f"the answer of model {model} is longer than {LONGEST:,} characters", transient=False)
        if part.done:
            reply = _finished(part, text, calls, model)
            if part.done_reason == "length" and tools and not calls:
                raise _cut_off(reply)
            return reply
    raise _broken(f"the answer of model {model} broke off after {len(text):,} characters", transient=True)


def _finished(last: "ChatResponse", text: str, calls: Sequence[ToolCall], model: str) -> Reply:
    usage = Usage(input_tokens=last.prompt_eval_count or 0, output_tokens=last.eval_count or 0)
    return Reply(text=valid_text(text), tool_calls=tuple(calls), usage=usage, model=last.model or model)


def check_whole_prompt(reply: Reply, *, size: int, window: int) -> None:
    """Raises ModelCallError when Ollama read less of the prompt than was sent. `size`: its bytes; `window`: in tokens.

    Ollama counts what it read after cutting, and cuts to half of the window or to what just fits: a count of at least
    half the window that is far too small for the bytes sent gives it away. A smaller count proves nothing, because
    older versions leave out what their cache held.
    """
    read = reply.usage.input_tokens
    if read >= window - 1 or (read >= window // 2 and size > MOST_BYTES_A_TOKEN * read):
        raise ModelCallError(
            f"Ollama cut the prompt: it read {read:,} tokens of {size:,} bytes, model {reply.model} is loaded with a "
            f"window of {window:,}: raise spec.contextWindow (as far as the model was made for and memory allows) or "
            "give the task less to read",
            transient=False,
            maybe_charged=True,
        )


def _calls(part: "ChatResponse") -> Sequence[ToolCall]:
    """Without ids, which Ollama does not give: the gate numbers them."""
    return [
        ToolCall(id="", name=call.function.name, args=_valid(call.function.arguments))
        for call in part.message.tool_calls or ()
    ]


def _valid(arguments: Mapping[str, object]) -> dict[str, object]:
    """Half characters hide in strings at any depth."""
    read: dict[str, object] = json.loads(valid_text(json.dumps(dict(arguments), ensure_ascii=False)))
    return read


def _broken(what: str, *, transient: bool) -> ModelCallError:
    return ModelCallError(f"Ollama: {what}", transient=transient, maybe_charged=True)


def _cut_off(reply: Reply) -> ModelCallError:
    return ModelCallError(
        f"{reply.model} was cut off at {reply.usage.output_tokens:,} tokens before it called a tool or ended: raise "
        "spec.maxOutputTokens",
        transient=False,
        maybe_charged=True,
    )
