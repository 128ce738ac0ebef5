"""Anthropic's Messages API as the stub spells it: server-sent events with names, usage at both ends."""

import json
from collections.abc import Iterator, Mapping, Sequence

from tests.servers.model_stub import Asked, Refuse, Say, Trouble

MODELS = ("claude-test-1", "claude-test-2")


class AnthropicDialect:
    """Dialect."""

    name = "anthropic"
    chat_path = "/v1/messages"
    content_type = "text/event-stream; charset=utf-8"

    def __init__(self) -> None:
        self.listed: object | None = {"data": [{"id": model, "type": "model"} for model in MODELS], "has_more": False}
        self.counts = True
        self.thinks = True
        """As current models do without being asked, by default without showing it."""

    def frames(self, say: Say, asked: Asked) -> Sequence[bytes]:
        start = {
            "input_tokens": say.usage.input_tokens,
            "cache_read_input_tokens": say.usage.cache_read_tokens,
            "cache_creation_input_tokens": say.usage.cache_write_tokens,
            "output_tokens": 1,
        }
        message = {"id": "msg_1", "role": "assistant", "model": asked.body["model"], "content": [], "usage": start}
        stop = say.stop or ("tool_use" if say.calls else "end_turn")
        details = {"type": "refusal", "category": "cyber", "explanation": "not this"} if stop == "refusal" else None
        delta = {"stop_reason": stop, "stop_sequence": None, "stop_details": details}
        end = {"delta": delta, "usage": {"output_tokens": say.usage.output_tokens}}
        return [
            event("message_start", {"message": message}),
            event("ping", {}),
            *(self._thinking() if self.thinks else ()),
            *(self._text(say.text) if say.text else ()),
            *(frame for index, _ in enumerate(say.calls) for frame in self._call(say, index)),
            event("message_delta", end),
            event("message_stop", {}),
        ]

    def endless(self, size: int) -> Iterator[bytes]:
        yield b'event: content_block_delta\ndata: {"type": "'
        for _ in range(size // 65_536 + 1):
            yield b"x" * 65_536

    def refusal(self, refuse: Refuse) -> str:
        error = {"type": refuse.kind or "api_error", "message": refuse.said}
        return json.dumps({"type": "error", "error": error})

    def trouble(self, trouble: Trouble) -> bytes:
        return event("error", {"error": {"type": trouble.kind, "message": trouble.said}})

    def aside(self, asked: Asked) -> object | None:
        if asked.path == "/v1/models":
            return self.listed
        counts = self.counts and asked.path == "/v1/messages/count_tokens"
        return {"input_tokens": len(json.dumps(asked.body))} if counts else None

    def _thinking(self) -> Iterator[bytes]:
        block = {"type": "thinking", "thinking": "", "signature": ""}
        yield event("content_block_start", {"index": 0, "content_block": block})
        yield event("content_block_delta", {"index": 0, "delta": {"type": "signature_delta", "signature": "EqQB"}})
        yield event("content_block_stop", {"index": 0})

    def _text(self, text: str) -> Iterator[bytes]:
        yield event("content_block_start", {"index": 1, "content_block": {"type": "text", "text": ""}})
        for piece in pieces(text):
            yield event("content_block_delta", {"index": 1, "delta": {"type": "text_delta", "text": piece}})
        yield event("content_block_stop", {"index": 1})

    def _call(self, say: Say, number: int) -> Iterator[bytes]:
        call, index = say.calls[number], number + 2
        block = {"type": "tool_use", "id": call.id, "name": call.name, "input": {}}
        yield event("content_block_start", {"index": index, "content_block": block})
        written = json.dumps(call.args) if say.written is None else say.written
        for piece in ["", *pieces(written)]:
            delta = {"type": "input_json_delta", "partial_json": piece}
            yield event("content_block_delta", {"index": index, "delta": delta})
        yield event("content_block_stop", {"index": index})


def pieces(text: str) -> list[str]:
    """A text in the pieces that it is streamed in."""
    size = max(5, len(text) // 50)
    return [text[start : start + size] for start in range(0, len(text), size)]


def event(name: str, data: Mapping[str, object]) -> bytes:
    return f"event: {name}\ndata: {json.dumps({'type': name, **data})}\n\n".encode()
