"""What commands that run for a while share: where their logs go, and how Ctrl-C reaches them."""

import asyncio
import signal
from collections.abc import Awaitable, Callable
from typing import TypeVar

from aios.embedded.state_folder import StateFolder
from aios.settings import Settings
from aios.telemetry import configure_logs

T = TypeVar("T")


def prepare(state: StateFolder, *, verbose: bool) -> Settings:
    """Read the settings and open the log in the state folder."""
    settings = Settings()
    loud = verbose or settings.verbose
    configure_logs(file=state.path / "logs" / "up.jsonl", stderr=loud, verbose=loud)
    return settings


def in_loop(work: Callable[[asyncio.Event], Awaitable[T]]) -> tuple[T, bool]:
    """Run `work(stop)` in a loop of its own; SIGINT and SIGTERM set `stop`, as often as they come.

    Returns its result and whether it was told to stop.
    """
    told = False

    async def inside() -> T:
        stop = asyncio.Event()

        def tell() -> None:
            nonlocal told
            told = True
            stop.set()

        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, tell)
        return await work(stop)

    return asyncio.run(inside()), told
