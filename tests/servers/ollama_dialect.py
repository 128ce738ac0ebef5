"""Ollama's protocol as the stub spells it: chat as NDJSON with tools and counts, and what it serves beside."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tests.servers.anthropic_dialect import pieces
from tests.servers.model_stub import Asked, Plain, Refuse, Say, Trouble

NDJSON = "application/x-ndjson"
LAYER = 2_000_000_000


class OllamaDialect:
    """Dialect. `models` are those the daemon has; `library` those it can pull, or what the pull says instead."""

    name = "ollama"
    chat_path = "/api/chat"
    content_type = NDJSON

    def __init__(self) -> None:
        self.models = {"qwen3:8b"}
        self.library: dict[str, Plain] = {}
        self.capabilities: list[str] | None = ["completion", "tools"]
        self.chat: Mapping[str, object] = {}
        """Replaces fields of a chat's last line."""
        self.shown: Mapping[str, object] = {}
        """What /api/show says beside."""

    def frames(self, say: Say, asked: Asked) -> Sequence[bytes]:
        model = asked.body["model"]
        parts = [line(model, {"content": "", "thinking": "Hm."})]
        parts += [line(model, {"content": piece}) for piece in pieces(say.text)]
        # Ollama takes no ids of calls, though newer versions give some; several come in one line.
        if say.calls:
            calls = [
                {
                    "id": f"call_{index}",
                    "function": {
                        "index": index,
                        "name": call.name,
                        "arguments": call.args if say.written is None else say.written,
                    },
                }
                for index, call in enumerate(say.calls)
            ]
            parts.append(line(model, {"content": "", "tool_calls": calls}))
        counts = {"prompt_eval_count": say.usage.input_tokens, "eval_count": say.usage.output_tokens}
        last = {"done": True, "done_reason": say.stop or "stop", **(counts if say.counted else {}), **self.chat}
        return [*parts, line(model, {"content": ""}, **last)]

    def endless(self, size: int) -> Iterator[bytes]:
        yield b'{"model": "'
        for _ in range(size // 65_536 + 1):
            yield b"x" * 65_536

    def refusal(self, refuse: Refuse) -> str:
        return json.dumps({"error": refuse.said})

    def trouble(self, trouble: Trouble) -> bytes:
        return json.dumps({"error": trouble.said}).encode() + b"\n"

    def aside(self, asked: Asked) -> object | None:
        match asked.path:
            case "/api/version":
                return {"version": "0.40.12"}
            case "/api/show":
                return self._show(asked.body["model"])
            case "/api/pull":
                return self._pull(asked.body["model"])
            case "/api/embed" if asked.body["model"] not in self.models:
                return Refuse(404, f"model '{asked.body['model']}' not found")
            case "/api/embed":
                return {"model": asked.body["model"], "embeddings": [[float(len(t)), 1.0] for t in asked.body["input"]]}
        return None

    def _show(self, model: str) -> object:
        if model not in self.models:
            return Refuse(404, f"model '{model}' not found")
        info = {"general.architecture": "qwen3", "qwen3.context_length": 40_960}
        return {
            "model_info": info,
            **self.shown,
            **({"capabilities": self.capabilities} if self.capabilities is not None else {}),
        }

    def _pull(self, model: str) -> Plain:
        answer = self.library.get(model)
        if answer is None:
            return progress({"error": "pull model manifest: file does not exist"})
        if '"success"' in answer.body:
            self.models.add(model)
        return answer


def progress(*lines: Mapping[str, object]) -> Plain:
    """What a pull says."""
    return Plain("".join(json.dumps(one) + "\n" for one in lines), NDJSON)


PULLED = progress(
    {"status": "pulling manifest"},
    {"status": "pulling 1", "digest": "sha256:1", "total": LAYER},
    {"status": "pulling 1", "digest": "sha256:1", "total": LAYER, "completed": LAYER // 4},
    {"status": "pulling 1", "digest": "sha256:1", "total": LAYER, "completed": LAYER},
    {"status": "verifying sha256 digest"},
    {"status": "success"},
)


def line(model: str, message: Mapping[str, Any], **more: object) -> bytes:
    said = {"model": model, "created_at": "2026-01-05T10:00:00Z", "message": {"role": "assistant", **message}}
    return json.dumps({**said, "done": False, **more}).encode() + b"\n"
