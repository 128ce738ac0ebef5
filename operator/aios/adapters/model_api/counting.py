"""Usage where a server states none, or not all of it: never less than the call can have used."""

from aios.models.cost import most_input_tokens
from aios.ports.chat_model import ChatRequest
from aios.tasks.attempt_events import Usage


def at_most(request: ChatRequest) -> Usage:
    """What was written bounds nothing: thinking is charged as output, and most servers show none or a part of it."""
    return Usage(input_tokens=most_input_tokens(request), output_tokens=request.max_output_tokens)
