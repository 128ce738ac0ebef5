"""Usage where a server states none, or not all of it: never less than the call can have used."""

import json

from aios.models.cost import spelled
from aios.ports.chat_model import ChatRequest
from aios.tasks.attempt_events import Usage


def at_most(request: ChatRequest, written: str) -> Usage:
    """A token stands for at least one byte, of the request and of what was `written`."""
    asked = len(json.dumps(spelled(request), ensure_ascii=False).encode())
    return Usage(input_tokens=asked, output_tokens=min(request.max_output_tokens, max(1, len(written.encode()))))
