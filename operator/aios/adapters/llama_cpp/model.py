"""LlamaCppModel: ChatModel over a model in this process. The same question gets the same answer on one machine."""

import json

from aios.adapters.llama_cpp.constraint import constraint, plans
from aios.adapters.llama_cpp.engine import engine
from aios.adapters.llama_cpp.prompt import turns
from aios.adapters.llama_cpp.reply import to_reply
from aios.adapters.llama_cpp.weights import weights
from aios.errors import MissingExtraError, ModelCallError
from aios.ports.chat_model import ChatRequest
from aios.spec.model import ModelSpec
from aios.spec.vocabulary import seconds
from aios.tasks.attempt_events import Reply

CONTEXT = 8192
"""Tokens, where the spec states no contextWindow: what SmolLM2 was made for."""
SEED = 1
LOOP_PENALTY = 1.1
"""Small models say the same sentence for ever without it."""
SMALL = 1024**3
"""Bytes of a GGUF file below which its model is led step by step."""


class LlamaCppModel:
    """ChatModel. Calls of one model file take turns; the file is loaded once a process, with the first call."""

    def __init__(self, name: str, spec: ModelSpec) -> None:
        self._name, self._spec = name, spec

    async def chat(self, request: ChatRequest) -> Reply:
        """See ChatModel. No request leaves the process."""
        try:
            path = weights(self._spec.model)
            events = await engine(path, self._spec.context_window or CONTEXT).ask(
                _body(request, led=path.stat().st_size < SMALL), seconds=seconds(self._spec.call_timeout)
            )
        except MissingExtraError as error:
            raise ModelCallError(f"model {self._name}: {error}", transient=False) from error
        return to_reply(events, model=path.stem, tools=bool(request.tools) and not plans(request))

    async def close(self) -> None:
        """Nothing to close: the loaded file is the process's, and other models may use it."""


def _body(request: ChatRequest, *, led: bool) -> dict[str, object]:
    body: dict[str, object] = {
        "messages": turns(request),
        "max_tokens": request.max_output_tokens,
        "temperature": 0,
        "seed": SEED,
    }
    if led:
        body["repeat_penalty"] = LOOP_PENALTY
    schema = constraint(request, led=led)
    if schema is not None:
        # Not `response_format`: on that way llama.cpp ignores how the JSON is to be spaced.
        body["grammar"] = f"%llguidance {{}}\nstart: %json {json.dumps(schema)}"
    return body
