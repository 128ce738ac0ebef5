"""The stream of chat completion chunks -> our Reply. Pure.

Chunks are read as plain JSON objects and never trusted to be whole: servers differ in what they leave out.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from aios.adapters.model_api.arguments import read_arguments
from aios.adapters.model_api.text import valid_object, valid_text
from aios.adapters.model_api.usable import cut_remark
from aios.tasks.attempt_events import Reply, ToolCall, Usage

Chunk = Mapping[str, Any]
AT_LIMIT = frozenset({"length", "max_tokens", "model_length"})
"""The last is Mistral's, for a window that is full."""
BROKEN = frozenset({"abort", "error", "insufficient_system_resource"})
"""The server gave up: vLLM's word, that of OpenRouter and others, DeepSeek's."""
FILTERED = "content_filter"
THOUGHTS = ("reasoning_content", "reasoning")
"""What a model thinks, as text: DeepSeek's and vLLM's name, that of OpenRouter and others."""
THOUGHT_PARTS = "reasoning_details"
"""The same in parts, some of them signed (OpenRouter)."""
SIGNED = "extra_content"
"""Beside a tool call: Gemini's signature of the thought that led to it."""
COUNTED = ("prompt_tokens", "completion_tokens")
"""Both, or the call would cost less than it did."""
CACHE_WRITES = ("cache_creation_input_tokens", "cache_creation_tokens", "cache_write_tokens")
"""Names of LiteLLM (two) and OpenRouter, beside the counts or among the prompt's details."""


@dataclass
class _Call:
    id: str = ""
    name: str = ""
    pieces: list[str] = field(default_factory=list)
    whole: Mapping[str, object] | None = None
    extra: Mapping[str, object] = field(default_factory=dict)

    @property
    def arguments(self) -> str | Mapping[str, object]:
        return "".join(self.pieces) if self.whole is None else self.whole

    @property
    def complete(self) -> bool:
        """Whether nothing can follow: its arguments are a JSON object."""
        if self.whole is not None:
            return True
        try:
            return isinstance(json.loads("".join(self.pieces)), dict)
        except ValueError:
            return False


class Answer:
    """What has come of a reply."""

    def __init__(self) -> None:
        self._texts: list[str] = []
        self._refusal: list[str] = []
        self._thoughts: dict[str, list[str]] = {}
        self._thought_parts: list[Chunk] = []
        self._calls: list[_Call] = []
        self._by_index: dict[int, _Call] = {}
        self._usage: Chunk | None = None
        self._model = self._finish = ""

    @property
    def ended(self) -> bool:
        """Whether the server said why the answer ends; without that it is cut off."""
        return bool(self._finish) and not self.broken

    @property
    def broken(self) -> str:
        """What the server says of an answer that it gave up, "" when it did not."""
        return f"the server gave it up (finish reason: {self._finish})" if self._finish in BROKEN else ""

    @property
    def declined(self) -> str:
        """Why there is no answer, "" when there is one."""
        if self._refusal:
            return valid_text("".join(self._refusal))
        return "the provider's filter withheld the answer (content_filter)" if self._finish == FILTERED else ""

    @property
    def cut(self) -> str:
        """The limit at which the answer ended, "" when it ended by itself."""
        return self._finish if self._finish in AT_LIMIT else ""

    @property
    def counted(self) -> bool:
        """Whether the server said how many tokens were used."""
        return self._usage is not None

    def add(self, chunk: Chunk) -> None:
        """Take the next chunk. The count of tokens comes in one of its own, or with any other."""
        self._model = str(chunk.get("model") or self._model)
        usage = chunk.get("usage")
        if isinstance(usage, Mapping) and all(isinstance(usage.get(name), int) for name in COUNTED):
            self._usage = usage
        for choice in _objects(chunk.get("choices"))[:1]:
            self._finish = str(choice.get("finish_reason") or self._finish)
            delta = choice.get("delta")
            if isinstance(delta, Mapping):
                self._take(delta)

    def reply(self, model: str, *, at_most: Callable[[], Usage]) -> Reply:
        """The whole; `at_most` bounds the usage, for a server that states none.

        An answer that ended at its limit says so in its text, and a tool call that was cut off there has arguments
        that every tool refuses.
        """
        last = len(self._calls) - 1
        calls = tuple(
            ToolCall(
                id=call.id,
                name=valid_text(call.name),
                args=read_arguments(call.arguments, cut=index == last and bool(self.cut)),
            )
            for index, call in enumerate(self._calls)
        )
        text = "".join(self._texts)
        return Reply(
            text=valid_text(f"{text}\n\n{cut_remark(self.cut)}".strip() if self.cut else text),
            tool_calls=calls,
            usage=_usage(self._usage) if self._usage is not None else at_most(),
            model=valid_text(self._model) or model,
            thinking=self._thinking() if calls else {},
        )

    def _thinking(self) -> dict[str, object]:
        """As `request.py` gives it back: fields of the message, and of its calls by their places."""
        fields: dict[str, object] = {name: "".join(pieces) for name, pieces in self._thoughts.items()}
        if self._thought_parts:
            fields[THOUGHT_PARTS] = self._thought_parts
        signed = {str(place): {SIGNED: call.extra} for place, call in enumerate(self._calls) if call.extra}
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
            self._extend(call)

    def _extend(self, piece: Chunk) -> None:
        function = piece.get("function")
        function = function if isinstance(function, Mapping) else {}
        name = str(function.get("name") or "")
        call = self._call_of(piece, name)
        call.name = call.name or name
        arguments = function.get("arguments")
        if isinstance(arguments, str):
            call.pieces.append(arguments)
        elif isinstance(arguments, Mapping):
            call.whole = arguments
        extra = piece.get(SIGNED)
        if isinstance(extra, Mapping):
            call.extra = extra

    def _call_of(self, piece: Chunk, name: str) -> _Call:
        """By its index. Some servers state none, or the same for every call: then an id that is new begins the next
        one, and so does a name after a call that is complete or of another name."""
        identity, index = str(piece.get("id") or ""), piece.get("index")
        known = self._by_index.get(index) if isinstance(index, int) else (self._calls[-1] if self._calls else None)
        if (
            known is None
            or (not isinstance(index, int) and identity not in {"", known.id})
            or (name and known.name and (name != known.name or known.complete))
        ):
            known = _Call(identity)
            self._calls.append(known)
            if isinstance(index, int):
                self._by_index[index] = known
        known.id = known.id or identity
        return known


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
