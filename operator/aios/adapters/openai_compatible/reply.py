"""The stream of chat completion chunks -> our Reply. Pure.

Chunks are read as plain JSON objects and never trusted to be whole: servers differ in what they leave out.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from aios.adapters.model_api import ends
from aios.adapters.model_api.arguments import read_arguments
from aios.adapters.model_api.text import valid_object, valid_text
from aios.adapters.model_api.usable import cut_remark
from aios.adapters.openai_compatible.calls import SIGNED, Calls
from aios.adapters.openai_compatible.thoughts import merged
from aios.tasks.attempt_events import Reply, ToolCall, Usage

Chunk = Mapping[str, Any]
THOUGHTS = ("reasoning_content", "reasoning")
"""What a model thinks, as text: DeepSeek's and vLLM's name, that of OpenRouter and others."""
THOUGHT_PARTS = "reasoning_details"
"""The same in parts, some of them signed (OpenRouter)."""
COUNTED = ("prompt_tokens", "completion_tokens")
"""Both, or the call would cost less than it did."""
CACHE_WRITES = ("cache_creation_input_tokens", "cache_creation_tokens", "cache_write_tokens")
"""Names of LiteLLM (two) and OpenRouter, beside the counts or among the prompt's details."""


class Answer:
    """What has come of a reply."""

    def __init__(self) -> None:
        self._texts: list[str] = []
        self._refusal: list[str] = []
        self._thoughts: dict[str, list[str]] = {}
        self._thought_parts: list[Chunk] = []
        self._calls = Calls()
        self._counts: Chunk = {}
        self._counted_since = False
        self._model = self._finish = ""

    @property
    def ended(self) -> bool:
        """Whether the server said why the answer ends; without that it is cut off."""
        return bool(self._finish) and not self.broken

    @property
    def over(self) -> bool:
        """Whether nothing follows that we need: it ended, and the count of tokens came with that or after it. What some
        servers count before is a part."""
        return self.ended and self._counted_since and self.counted

    @property
    def broken(self) -> str:
        """What the server says of an answer that it gave up, "" when it did not."""
        return ends.broken(self._finish, calls=bool(self._calls.all()))

    @property
    def declined(self) -> str:
        """Why there is no answer, "" when there is one."""
        if any(self._refusal):
            return valid_text("".join(self._refusal))
        if not ends.withheld(self._finish):
            return ""
        return valid_text(f"the provider's filter withheld the answer ({self._finish})")

    @property
    def odd(self) -> str:
        """The server's word for why it ended if nobody here knows it, else ""."""
        return valid_text(ends.odd(self._finish))

    @property
    def cut(self) -> str:
        """The limit at which the answer ended, "" when it ended by itself."""
        return ends.cut(self._finish)

    @property
    def counted(self) -> bool:
        """Whether the server said how many tokens were used. No question is of none, and what was written is of some:
        zeros are what a server says that does not count."""
        used = _usage(self._counts)
        return used.all_input_tokens > 0 and (used.output_tokens > 0 or not self._written)

    def add(self, chunk: Chunk) -> None:
        """Take the next chunk. The count of tokens comes in one of its own, or with any other."""
        self._model = str(chunk.get("model") or self._model)
        counted = self._count(chunk.get("usage"))
        self._counted_since = self._counted_since or counted
        for choice in _objects(chunk.get("choices"))[:1]:
            if choice.get("finish_reason"):
                self._finish, self._counted_since = str(choice["finish_reason"]), counted
            delta = choice.get("delta")
            if isinstance(delta, Mapping):
                self._take(delta)

    def reply(self, model: str, *, at_most: Callable[[], Usage]) -> Reply:
        """The whole; `at_most` bounds the usage, for a server that states none.

        An answer that ended at its limit says so in its text, and a tool call that was cut off there has arguments
        that every tool refuses.
        """
        told = self._calls.all()
        last = len(told) - 1
        calls = tuple(
            ToolCall(
                id=call.id,
                name=valid_text(call.name),
                args=read_arguments(call.arguments, cut=index == last and bool(self.cut)),
            )
            for index, call in enumerate(told)
        )
        text = "".join(self._texts)
        return Reply(
            text=valid_text(f"{text}\n\n{cut_remark(self.cut)}".strip() if self.cut else text),
            tool_calls=calls,
            usage=_usage(self._counts) if self.counted else at_most(),
            model=valid_text(self._model) or model,
            thinking=self._thinking() if calls else {},
        )

    def _thinking(self) -> dict[str, object]:
        """As `request.py` gives it back: fields of the message, and of its calls by their places."""
        fields: dict[str, object] = {name: "".join(pieces) for name, pieces in self._thoughts.items()}
        if self._thought_parts:
            fields[THOUGHT_PARTS] = merged(self._thought_parts)
        signed = {str(place): {SIGNED: call.extra} for place, call in enumerate(self._calls.all()) if call.extra}
        said = {name: held for name, held in (("message", fields), ("calls", signed)) if held}
        return valid_object(said)

    def _take(self, delta: Chunk) -> None:
        for name, pieces in (("content", self._texts), ("refusal", self._refusal)):
            if isinstance(delta.get(name), str):
                pieces.append(delta[name])
        for name in THOUGHTS:
            if isinstance(delta.get(name), str) and delta[name]:
                self._thoughts.setdefault(name, []).append(delta[name])
        self._thought_parts += _objects(delta.get(THOUGHT_PARTS))
        for call in _objects(delta.get("tool_calls")):
            self._calls.add(call)

    @property
    def _written(self) -> bool:
        said = any(self._texts) or any(self._refusal)
        return bool(said or self._thoughts or self._thought_parts or self._calls.all())

    def _count(self, counts: object) -> bool:
        """Whether these are counts. Later ones replace earlier ones, but none is taken back by a zero."""
        if not isinstance(counts, Mapping) or not all(isinstance(counts.get(name), int) for name in COUNTED):
            return False
        before, now = _usage(self._counts), _usage(counts)
        if (before.all_input_tokens and not now.all_input_tokens) or (before.output_tokens and not now.output_tokens):
            return False
        self._counts = counts
        return True


def _usage(counts: Chunk) -> Usage:
    """`prompt_tokens` include what a cache served and mostly what it took; ours do not. Some vendors leave thinking out
    of `completion_tokens` (xAI, Gemini); all charge it as output, and `total_tokens` hold it."""
    details = counts.get("prompt_tokens_details")
    cache: Chunk = {**counts, **details} if isinstance(details, Mapping) else counts
    prompt, total = _count(counts, "prompt_tokens"), _count(counts, "total_tokens")
    read = min(prompt, _count(cache, "cached_tokens"))
    written = max(_count(cache, name) for name in CACHE_WRITES)
    rest = prompt - read
    return Usage(
        input_tokens=rest - written if written <= rest else rest,
        output_tokens=max(_count(counts, "completion_tokens"), total - prompt),
        cache_read_tokens=read,
        cache_write_tokens=written,
    )


def _count(counts: Chunk, name: str) -> int:
    count = counts.get(name)
    return max(0, count) if isinstance(count, int) else 0


def _objects(value: object) -> Sequence[Chunk]:
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list) else []
