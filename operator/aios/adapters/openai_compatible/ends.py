"""What a server's finish reason means. Pure.

OpenAI knows five; servers add their own, and an answer without a tool call says that the work is finished. So a word
that nobody here knows must not pass for an end.
"""

from aios.adapters.model_api.usable import WINDOW_FULL

AT_LIMIT = frozenset({"length", "max_tokens", "model_length", WINDOW_FULL})
"""Mistral's word for a window that is full, then Anthropic's, which Zhipu uses too."""
BROKEN = frozenset(
    {
        "abort",
        "error",
        "insufficient_system_resource",
        "network_error",
        "function_call_filter",
        "malformed_function_call",
    }
)
"""The server gave up, and may not the next time: vLLM's word, that of OpenRouter and others, DeepSeek's, Zhipu's.
Then Gemini's, when the model spelled a call so that nobody can read it: `function_call_filter: MALFORMED_FUNCTION_CALL`
at its own endpoint, the second half alone by way of proxies."""
FILTERED = frozenset(
    {"content_filter", "safety", "recitation", "prohibited_content", "blocklist", "spii", "sensitive", "refusal"}
)
"""Gemini says more after a colon (`content_filter: RECITATION`), proxies pass that on alone; the last are Zhipu's and
Anthropic's."""
KNOWN = frozenset(
    {
        "stop",
        "tool_calls",
        "function_call",
        "tool_use",
        "end_turn",
        "stop_sequence",
        "eos",
        "eos_token",
        "end",
        "complete",
        "completed",
    }
)
"""Ends in good order: OpenAI's, Anthropic's and Cohere's by way of proxies, those of Together and text-generation-
inference."""


def kind(finish: str) -> str:
    """The word before what is said beside it, in lower case."""
    return finish.partition(":")[0].strip().lower()


def is_odd(finish: str) -> bool:
    """Whether nobody here knows what it means."""
    return kind(finish) not in KNOWN | AT_LIMIT | BROKEN | FILTERED
