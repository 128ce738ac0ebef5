"""Anthropic's stream of events -> our Reply. Pure.

Events are read as plain JSON objects and never trusted to be whole: proxies and other servers speak this protocol too.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from aios.adapters.model_api import ends
from aios.adapters.model_api.arguments import read_arguments
from aios.adapters.model_api.text import valid_object, valid_text
from aios.adapters.model_api.usable import cut_remark
from aios.tasks.attempt_events import Reply, ToolCall, Usage

Event = Mapping[str, Any]
_PIECES = {"text_delta": "text", "thinking_delta": "thinking"}
"""Where a delta holds its text."""
THINKING, REDACTED = "thinking", "redacted_thinking"


@dataclass
class _Block:
    kind: str
    id: str = ""
    name: str = ""
    given: object = None
    signature: str = ""
    pieces: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        return "".join(self.pieces)


class Answer:
    """What has come of a reply."""

    def __init__(self) -> None:
        self._last = False
        self._blocks: dict[int, _Block] = {}
        self._counts: dict[str, Any] = {}
        self._written_at_last: int | None = None
        self._model = self._stop = ""
        self._details: Event = {}

    def add(self, event: Event) -> None:
        """Take the next event. Kinds that are not known are passed over, as the API asks of its clients."""
        match event.get("type"):
            case "message_start":
                message = _object(event, "message")
                self._model = str(message.get("model") or "")
                self._count(message)
            case "content_block_start":
                self._start(_index(event), _object(event, "content_block"))
            case "content_block_delta":
                self._extend(_index(event), _object(event, "delta"))
            case "message_delta":
                delta = _object(event, "delta")
                self._stop = str(delta.get("stop_reason") or self._stop)
                self._details = _object(delta, "stop_details") or self._details
                self._count(event)
                written = _object(event, "usage").get("output_tokens")
                self._written_at_last = written if isinstance(written, int) else self._written_at_last
            case "message_stop":
                self._last = True

    @property
    def ended(self) -> bool:
        """Whether the last event has come; without it the answer is cut off."""
        return self._last and not self.broken

    @property
    def over(self) -> bool:
        """Whether nothing can follow that is needed: the counts come before the last event."""
        return self.ended

    @property
    def counted(self) -> bool:
        """Whether the server said how many tokens were used; its first count of the output is not the last. No question
        is of none, and what was written is of some: zeros are what a proxy says that does not count."""
        if self._written_at_last is None or not isinstance(self._counts.get("input_tokens"), int):
            return False
        written = any(block.kind != "text" or block.text for block in self._blocks.values())
        return self._usage().all_input_tokens > 0 and (self._written_at_last > 0 or not written)

    @property
    def declined(self) -> str:
        """Why the model gave no answer, "" when it did. What stands before that is to be thrown away, says the API."""
        if not ends.withheld(self._stop):
            return ""
        said = [self._details.get(name) for name in ("category", "explanation")]
        return valid_text(": ".join([self._stop, *(str(word) for word in said if word)]))

    @property
    def broken(self) -> str:
        """What the server says of an answer that it gave up, "" when it did not."""
        calls = any(block.kind == "tool_use" for block in self._blocks.values())
        return ends.broken(self._stop, calls=calls)

    @property
    def odd(self) -> str:
        """The server's word for why it ended if nobody here knows it, else ""."""
        return valid_text(ends.odd(self._stop))

    @property
    def cut(self) -> str:
        """The limit at which the answer ended, "" when it ended by itself."""
        return ends.cut(self._stop)

    def reply(self, model: str, *, at_most: Callable[[], Usage]) -> Reply:
        """The whole; `at_most` bounds the usage, for a server that does not state it.

        An answer that ended at its limit says so in its text, and a tool call that was cut off there has arguments
        that every tool refuses.
        """
        blocks = [self._blocks[index] for index in sorted(self._blocks)]
        text = "".join(block.text for block in blocks if block.kind == "text")
        return Reply(
            text=valid_text(f"{text}\n\n{cut_remark(self.cut)}".strip() if self.cut else text),
            tool_calls=tuple(self._call(b, last=b is blocks[-1]) for b in blocks if b.kind == "tool_use"),
            usage=self._usage() if self.counted else at_most(),
            model=valid_text(self._model) or model,
            thinking=_thinking(blocks),
        )

    def _start(self, index: int, block: Event) -> None:
        started = _Block(str(block.get("type")), str(block.get("id") or ""), str(block.get("name") or ""))
        started.given = block.get("data" if started.kind == REDACTED else "input")
        started.signature = str(block.get("signature") or "")
        first = block.get(THINKING if started.kind == THINKING else "text")
        if first:
            started.pieces.append(str(first))
        self._blocks[index] = started

    def _extend(self, index: int, delta: Event) -> None:
        block = self._blocks.setdefault(index, _Block("text"))
        kind = str(delta.get("type"))
        piece = delta.get(_PIECES.get(kind, "partial_json"))
        if kind == "signature_delta":
            block.signature += str(delta.get("signature") or "")
        elif isinstance(piece, str):
            block.pieces.append(piece)

    def _call(self, block: _Block, *, last: bool) -> ToolCall:
        written = block.text or block.given or ""
        args = read_arguments(written, cut=last and bool(self.cut))
        return ToolCall(id=block.id, name=valid_text(block.name), args=args)

    def _count(self, holder: Event) -> None:
        """Later counts replace earlier ones: they are sums so far, so none is taken back by a zero."""
        for name, count in _object(holder, "usage").items():
            if count or (count is not None and not self._counts.get(name)):
                self._counts[name] = count

    def _usage(self) -> Usage:
        def of(name: str) -> int:
            count = self._counts.get(name)
            return max(0, count) if isinstance(count, int) else 0

        return Usage(
            input_tokens=of("input_tokens"),
            output_tokens=of("output_tokens"),
            cache_read_tokens=of("cache_read_input_tokens"),
            cache_write_tokens=of("cache_creation_input_tokens"),
        )


def _thinking(blocks: Sequence[_Block]) -> dict[str, object]:
    """Blocks to give back before the tools' answers, as they came. They are signed for their place: what does not stand
    before all else is left out, since no message of ours has another place for it and models go on without."""
    thoughts = [block for block in blocks if block.kind in {THINKING, REDACTED}]
    if not any(block.kind == "tool_use" for block in blocks) or thoughts != list(blocks[: len(thoughts)]):
        return {}
    told = [
        {"type": REDACTED, "data": block.given}
        if block.kind == REDACTED
        else {"type": THINKING, THINKING: block.text, **({"signature": block.signature} if block.signature else {})}
        for block in thoughts
    ]
    return valid_object({"blocks": told}) if told else {}


def _object(holder: Event, name: str) -> Event:
    found = holder.get(name)
    return found if isinstance(found, Mapping) else {}


def _index(event: Event) -> int:
    index = event.get("index")
    return index if isinstance(index, int) else 0
