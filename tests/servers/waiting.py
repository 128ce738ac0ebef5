"""Waiting for something that another process will do: by asking, with an end, never by sleeping for luck."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


class NeverHappenedError(AssertionError):
    """What was waited for did not come in time; an assertion, so that a test reports it as its own failure."""


def eventually(ask: Callable[[], T | None], *, what: str, within_seconds: float = 30.0) -> T:
    """The first answer of `ask` that is neither None nor False. Raises NeverHappenedError naming `what`."""
    deadline = time.monotonic() + within_seconds
    while True:
        answer = ask()
        if answer is not None and answer is not False:
            return answer
        if time.monotonic() > deadline:
            raise NeverHappenedError(f"not within {within_seconds:g} s: {what}")
        time.sleep(0.05)
