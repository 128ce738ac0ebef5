"""Usage where a server states none, or not all of it: never less than the call can have used."""

import logging

from aios.adapters.model_api.vendor import Vendor
from aios.models.cost import most_input_tokens
from aios.ports.chat_model import ChatRequest
from aios.tasks.attempt_events import Usage

logger = logging.getLogger(__name__)


def at_most(request: ChatRequest) -> Usage:
    """What was written bounds nothing: thinking is charged as output, and most servers show none or a part of it."""
    return Usage(input_tokens=most_input_tokens(request), output_tokens=request.max_output_tokens)


class UncountedNotice:
    """Tells once that a server counts no tokens."""

    def __init__(self, vendor: Vendor) -> None:
        self._vendor, self._told = vendor, False

    def tell_unless(self, counted: bool) -> None:
        """`counted`: the answer that has just come was."""
        if not counted and not self._told:
            self._told = True
            logger.warning("%s counts no tokens: its calls are counted at the most they can be", self._vendor)
