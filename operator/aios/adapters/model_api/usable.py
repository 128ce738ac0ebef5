"""Whether an answer that came whole is one to go on with. Pure.

An answer without a tool call says that the work is finished. So one that was cut off before it could call a tool, and
one that the provider declined to give, must not pass for an answer; nor one whose end nobody understands.
"""

from aios.adapters.model_api.failures import LONGEST
from aios.adapters.model_api.vendor import Vendor
from aios.models.unusable import UnusableAnswerError
from aios.ports.chat_model import ChatRequest
from aios.spec.vocabulary import shortened
from aios.tasks.attempt_events import Reply

WINDOW_FULL = "model_context_window_exceeded"
"""Anthropic's word for an answer that ended because request and answer fill the model's window."""


def usable(
    vendor: Vendor, request: ChatRequest, reply: Reply, *, declined: str = "", cut: str = "", odd: str = ""
) -> Reply:
    """`declined`: why the provider gave no answer; `cut`: its word for the limit at which it ended; `odd`: its word for
    an end that nobody here knows. "" for none.

    Raises UnusableAnswerError.
    """
    if declined:
        raise UnusableAnswerError(
            f"{vendor} declined to answer: {declined}. Another model may: state one more among the member's models",
            usage=reply.usage,
        )
    if cut and request.tools and not reply.tool_calls:
        raise UnusableAnswerError(
            f"{vendor} was cut off after {reply.usage.output_tokens:,} tokens ({cut}), thinking included, before it "
            f"called a tool or ended: {what_bounds(cut)}",
            usage=reply.usage,
        )
    if odd and not reply.tool_calls and (request.tools or not reply.text.strip()):
        raise UnusableAnswerError(
            f"{vendor} ended its answer before it called a tool, for a reason that is not known here "
            f"({shortened(odd, LONGEST)}): whether the work is finished cannot be told. Another model may "
            "say it: state one more among the member's models",
            usage=reply.usage,
        )
    return reply


def cut_remark(cut: str) -> str:
    """What stands at the end of a text that was cut off."""
    return f"[The answer was cut off here ({cut}): {what_bounds(cut)}.]"


def what_bounds(cut: str) -> str:
    """What to do about it."""
    return "give the task less to read" if cut == WINDOW_FULL else "raise spec.maxOutputTokens"
