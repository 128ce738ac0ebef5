"""The stream of chat completion chunks -> our Reply. Pure.

Chunks are read as plain JSON objects and never trusted to be whole: servers differ in what they leave out.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from aios.adapters.model_api.arguments import read_arguments
from aios.adapters.model_api.text import valid_text
from aios.tasks.attempt_events import Reply, ToolCall, Usage

Chunk = Mapping[str, Any]
AT_LIMIT = "length"
FILTERED = "content_filter"
COUNTED = ("prompt_tokens", "completion_tokens")
"""Both, or the call would cost less than it did."""


@dataclass
class _Call:
    id: str = ""
    name: str = ""
    pieces: list[str] = field(default_factory=list)
    whole: Mapping[str, object] | None = None


class Answer:
    """What has come of a reply."""

    def __init__(self) -> None:
        self._texts: list[str] = []
        self._refusal: list[str] = []
        self._calls: list[_Call] = []
        self._by_index: dict[int, _Call] = {}
        self._usage: Chunk | None = None
        self._model = self._finish = ""

    @property
    def ended(self) -> bool:
        """Whether the server said why the answer ends; without that it is cut off."""
        return bool(self._finish)

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

    def reply(self, model: str, *, at_most: Callable[[str], Usage]) -> Reply:
        """The whole; `at_most` bounds the usage of what was written, for a server that states none.

        An answer that ended at its limit says so in its text, and a tool call that was cut off there has arguments
        that every tool refuses; an answer that was withheld says so and calls nothing.
        """
        last = len(self._calls) - 1
        calls = tuple(
            ToolCall(
                id=call.id,
                name=valid_text(call.name),
                args=read_arguments(
                    "".join(call.pieces) if call.whole is None else call.whole,
                    cut=index == last and self._finish == AT_LIMIT,
                ),
            )
            for index, call in enumerate(self._calls)
        )
        remark, text = self._remark(), "".join(self._texts)
        return Reply(
            text=valid_text(f"{text}\n\n{remark}".strip() if remark else text),
            tool_calls=() if self._withheld else calls,
            usage=_usage(self._usage) if self._usage is not None else at_most(text + self._written),
            model=valid_text(self._model) or model,
        )

    @property
    def _written(self) -> str:
        return "".join(call.name + "".join(call.pieces) for call in self._calls)

    @property
    def _withheld(self) -> bool:
        return self._finish == FILTERED or bool(self._refusal)

    def _remark(self) -> str:
        if self._refusal:
            return f"[The model declined to answer: {''.join(self._refusal)}]"
        if self._finish == FILTERED:
            return "[The answer was withheld by the provider's filter (finish reason: content_filter).]"
        if self._finish == AT_LIMIT:
            return "[The answer was cut off here (finish reason: length): spec.maxOutputTokens bounds it.]"
        return ""

    def _take(self, delta: Chunk) -> None:
        for name, pieces in (("content", self._texts), ("refusal", self._refusal)):
            if isinstance(delta.get(name), str):
                pieces.append(delta[name])
        for call in _objects(delta.get("tool_calls")):
            self._extend(call)

    def _extend(self, piece: Chunk) -> None:
        call = self._call_of(piece)
        function = piece.get("function")
        if not isinstance(function, Mapping):
            return
        call.name = call.name or str(function.get("name") or "")
        arguments = function.get("arguments")
        if isinstance(arguments, str):
            call.pieces.append(arguments)
        elif isinstance(arguments, Mapping):
            call.whole = arguments

    def _call_of(self, piece: Chunk) -> _Call:
        """By its index; where a server states none, an id that is new begins the next call."""
        identity, index = str(piece.get("id") or ""), piece.get("index")
        known = self._by_index.get(index) if isinstance(index, int) else (self._calls[-1] if self._calls else None)
        if known is None or (not isinstance(index, int) and identity not in {"", known.id}):
            known = _Call(identity)
            self._calls.append(known)
            if isinstance(index, int):
                self._by_index[index] = known
        known.id = known.id or identity
        return known


def _usage(counts: Chunk) -> Usage:
    """`prompt_tokens` include those that a cache served; ours do not."""
    details = counts.get("prompt_tokens_details")
    prompt = _count(counts, "prompt_tokens")
    cached = min(prompt, _count(details, "cached_tokens")) if isinstance(details, Mapping) else 0
    return Usage(
        input_tokens=prompt - cached, output_tokens=_count(counts, "completion_tokens"), cache_read_tokens=cached
    )


def _count(counts: Chunk, name: str) -> int:
    count = counts.get(name)
    return max(0, count) if isinstance(count, int) else 0


def _objects(value: object) -> Sequence[Chunk]:
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list) else []
