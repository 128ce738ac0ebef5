"""OpenAI's chat completions as the stub spells them: unnamed server-sent events, usage in a chunk of its own."""

import json
from collections.abc import Iterator, Mapping, Sequence

from tests.servers.anthropic_dialect import pieces
from tests.servers.model_stub import Asked, Refuse, Say, Trouble

MODELS = ("local-test-1", "local-test-2")


class OpenAIDialect:
    """Dialect."""

    name = "openai"
    chat_path = "/v1/chat/completions"
    content_type = "text/event-stream"

    def __init__(self) -> None:
        self.listed: object | None = {"object": "list", "data": [{"id": model} for model in MODELS]}
        self.embedded: object | None = None
        """Replaces the answer to texts that are to be embedded."""

    def frames(self, say: Say, asked: Asked) -> Sequence[bytes]:
        model = asked.body["model"]
        deltas: list[Mapping[str, object]] = [{"role": "assistant", "content": ""}, {"reasoning_content": "Hm."}]
        deltas += [{"content": piece} for piece in pieces(say.text)]
        deltas += [delta for index, _ in enumerate(say.calls) for delta in self._call(say, index)]
        stop = say.stop or ("tool_calls" if say.calls else "stop")
        wants_usage = asked.body.get("stream_options", {}).get("include_usage")
        return [
            *(chunk(model, [{"index": 0, "delta": delta, "finish_reason": None}]) for delta in deltas),
            chunk(model, [{"index": 0, "delta": {}, "finish_reason": stop}]),
            *([self._usage(model, say)] if say.counted and wants_usage else ()),
            b"data: [DONE]\n\n",
        ]

    def endless(self, size: int) -> Iterator[bytes]:
        yield b'data: {"id": "'
        for _ in range(size // 65_536 + 1):
            yield b"x" * 65_536

    def refusal(self, refuse: Refuse) -> str:
        return json.dumps({"error": {"message": refuse.said, "type": "some_error", "code": refuse.kind or None}})

    def trouble(self, trouble: Trouble) -> bytes:
        error = {"error": {"message": trouble.said, "type": trouble.kind, "code": 500}}
        return f"data: {json.dumps(error)}\n\n".encode()

    def aside(self, asked: Asked) -> object | None:
        match asked.path:
            case "/v1/models":
                return self.listed
            case "/v1/embeddings":
                data = [
                    {"index": index, "embedding": [float(len(t)), 1.0]} for index, t in enumerate(asked.body["input"])
                ]
                return {"object": "list", "data": data[::-1]} if self.embedded is None else self.embedded
        return None

    def _usage(self, model: str, say: Say) -> bytes:
        usage = say.usage
        counts = {
            "prompt_tokens": usage.all_input_tokens,
            "completion_tokens": usage.output_tokens,
            "total_tokens": usage.all_input_tokens + usage.output_tokens,
            "prompt_tokens_details": {"cached_tokens": usage.cache_read_tokens},
        }
        return chunk(model, [], usage=counts)

    def _call(self, say: Say, index: int) -> Iterator[Mapping[str, object]]:
        call = say.calls[index]
        begun = {"index": index, "id": call.id, "type": "function", "function": {"name": call.name, "arguments": ""}}
        yield {"tool_calls": [begun]}
        for piece in pieces(json.dumps(call.args) if say.written is None else say.written):
            yield {"tool_calls": [{"index": index, "function": {"arguments": piece}}]}


def chunk(model: str, choices: Sequence[object], **more: object) -> bytes:
    data = {"id": "c1", "object": "chat.completion.chunk", "model": model, "choices": choices, **more}
    return f"data: {json.dumps(data)}\n\n".encode()
