"""What commands that run for a while share: where their logs go, and how Ctrl-C reaches them."""

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable
from typing import TypeVar

from aios.embedded.state_folder import StateFolder
from aios.settings import Settings, read_settings
from aios.telemetry import configure_logs

T = TypeVar("T")

PATIENT_SIGNALS = 2


def prepare(state: StateFolder, *, verbose: bool) -> Settings:
    """Read the settings and open the log in the state folder."""
    settings = read_settings()
    loud = verbose or settings.verbose
    configure_logs(file=state.path / "logs" / "up.jsonl", stderr=loud, verbose=loud)
    return settings


def in_loop(work: Callable[[asyncio.Event], Awaitable[T]]) -> tuple[T, bool]:
    """Run `work(stop)` in a loop of its own; SIGINT and SIGTERM set `stop`, the first time to finish what is in
    flight, the second time to stop at once. The third ends the process where it stands, which loses nothing recorded.

    Returns its result and whether it was told to stop.
    """
    told = 0

    async def inside() -> T:
        stop = asyncio.Event()

        def tell() -> None:
            nonlocal told
            told += 1
            if told > PATIENT_SIGNALS:
                os._exit(128 + signal.SIGINT)
            stop.set()

        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, tell)
        return await work(stop)

    return asyncio.run(inside()), told > 0
