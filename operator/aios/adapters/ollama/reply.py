"""Ollama's stream -> Reply. Refuses a stream that ended early, an answer to a prompt that Ollama cut, and one that was
cut off before it called a tool."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aios.adapters.model_api.arguments import read_arguments
from aios.adapters.model_api.text import valid_text
from aios.adapters.ollama.request import MOST_BYTES_A_TOKEN, THINKING
from aios.errors import ModelCallError
from aios.models.unusable import UnusableAnswerError
from aios.tasks.attempt_events import Reply, ToolCall, Usage

LONGEST = 8 * 2**20
AT_LIMIT = "length"
ADVICE = "raise spec.maxOutputTokens, or spec.contextWindow where request and answer fill it"

if TYPE_CHECKING:
    from ollama import ChatResponse


@dataclass(frozen=True, slots=True)
class Answer:
    """`cut`: it ended at maxOutputTokens, or at the end of the window."""

    reply: Reply
    cut: bool


async def assemble(parts: "AsyncIterator[ChatResponse]", *, model: str) -> Answer:
    """The whole answer. Raises ModelCallError when the stream ends before Ollama said that it is done."""
    text, thoughts, calls = "", "", list[ToolCall]()
    async for part in parts:
        text += part.message.content or ""
        thoughts += part.message.thinking or ""
        calls += _calls(part)
        if len(text) + len(thoughts) > LONGEST:
            raise _broken(f"the answer of model {model} is longer than {LONGEST:,} characters", transient=False)
        if part.done:
            reply = _finished(part, text, calls, model)
            thinking = {THINKING: valid_text(thoughts)} if calls and thoughts else {}
            return Answer(reply.model_copy(update={"thinking": thinking}), part.done_reason == AT_LIMIT)
    raise _broken(f"the answer of model {model} broke off after {len(text):,} characters", transient=True)


def _finished(last: "ChatResponse", text: str, calls: Sequence[ToolCall], model: str) -> Reply:
    usage = Usage(input_tokens=last.prompt_eval_count or 0, output_tokens=last.eval_count or 0)
    return Reply(text=valid_text(text), tool_calls=tuple(calls), usage=usage, model=last.model or model)


def check_whole_prompt(reply: Reply, *, read: int, size: int, window: int) -> None:
    """Raises UnusableAnswerError when Ollama read less of the prompt than was sent. `read`: tokens, as it counted them;
    `size`: bytes that were sent; `window`: in tokens.

    Ollama counts what it read after cutting, and cuts to half of the window or to what just fits: a count of at least
    half the window that is far too small for the bytes sent gives it away. A smaller count proves nothing, because
    older versions leave out what their cache held.
    """
    if read >= window - 1 or (read >= window // 2 and size > MOST_BYTES_A_TOKEN * read):
        raise UnusableAnswerError(
            f"Ollama cut the prompt: it read {read:,} tokens of {size:,} bytes, model {reply.model} is loaded with a "
            f"window of {window:,}: raise spec.contextWindow (as far as the model was made for and memory allows) or "
            "give the task less to read",
            usage=reply.usage,
        )


def check_end(reply: Reply, *, cut: bool, tools: bool) -> Reply:
    """The reply, saying so in its text if it was cut off. Raises UnusableAnswerError when that was before it called one
    of its `tools`: an answer without a call says that the work is finished."""
    if not cut:
        return reply
    if tools and not reply.tool_calls:
        raise UnusableAnswerError(
            f"{reply.model} was cut off after {reply.usage.output_tokens:,} tokens, thinking included, before it "
            f"called a tool or ended: {ADVICE}",
            usage=reply.usage,
        )
    text = f"{reply.text}\n\n[The answer was cut off here: {ADVICE}.]".strip()
    return reply.model_copy(update={"text": text})


def _calls(part: "ChatResponse") -> Sequence[ToolCall]:
    """Without ids, which Ollama does not give: the gate numbers them."""
    return [
        ToolCall(id="", name=call.function.name, args=read_arguments(call.function.arguments, cut=False))
        for call in part.message.tool_calls or ()
    ]


def _broken(what: str, *, transient: bool) -> ModelCallError:
    return ModelCallError(f"Ollama: {what}", transient=transient, maybe_charged=True)
