"""Waiting in a coroutine for what a store or another process will do: by asking, with an end."""

import asyncio
import time
from collections.abc import Awaitable, Callable


async def eventually(ask: Callable[[], Awaitable[bool]], *, within_seconds: float = 30.0) -> None:
    """Return when `ask` says so. Raises AssertionError when it never does."""
    deadline = time.monotonic() + within_seconds
    while not await ask():
        assert time.monotonic() < deadline, f"not within {within_seconds:g} s"
        await asyncio.sleep(0.02)
