"""What a server's word for the end of an answer means: a finish reason, a stop reason. Pure.

OpenAI knows five and Anthropic seven; servers and proxies add their own or say another vendor's, and an answer without
a tool call says that the work is finished. So a word that nobody here knows must not pass for an end.
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
CALLING = frozenset({"tool_calls", "function_call", "tool_use"})
KNOWN = CALLING | frozenset(
    {
        "stop",
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
inference. Anthropic's `pause_turn` is none: it asks to be continued."""


def broken(word: str, *, calls: bool) -> str:
    """Why an answer was given up by its server, "" when it was not. `calls`: whether a tool call came; a server whose
    parser lost the call that it speaks of (vLLM's do) may keep it the next time."""
    if _kind(word) in BROKEN:
        return f"the server gave it up (finish reason: {word})"
    if _kind(word) in CALLING and not calls:
        return f"the server says that it ended with a tool call ({word}) and sent none"
    return ""


def withheld(word: str) -> bool:
    """Whether there is no answer because the provider or the model declined to give one."""
    return _kind(word) in FILTERED


def cut(word: str) -> str:
    """The limit at which the answer ended, "" when it ended by itself."""
    return word if _kind(word) in AT_LIMIT else ""


def odd(word: str) -> str:
    """The word if nobody here knows what it means, else ""; none at all is not odd."""
    return word if word and _kind(word) not in KNOWN | AT_LIMIT | BROKEN | FILTERED else ""


def _kind(word: str) -> str:
    """The word before what is said beside it, in lower case."""
    return word.partition(":")[0].strip().lower()
