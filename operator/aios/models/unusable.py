"""An answer that came whole, was counted, and is no answer to go on with: what it used is known and paid for."""

from aios.errors import ModelCallError
from aios.tasks.attempt_events import Usage


class UnusableAnswerError(ModelCallError):
    """The same request would be answered like that again. Unlike `maybe_charged`, nothing about it is in doubt."""

    def __init__(self, message: str, *, usage: Usage) -> None:
        super().__init__(message, transient=False)
        self.usage = usage
