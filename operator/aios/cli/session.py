"""What commands that run for a while share: where their logs go, and how Ctrl-C reaches them."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from aios.cli.surroundings import settings
from aios.cli.terminal import say
from aios.embedded.state_folder import StateFolder
from aios.settings import Settings
from aios.telemetry import configure_logs
from aios.wiring.stopping import GIVEN_UP, Stoppable

T = TypeVar("T")

INTERRUPTED = 130
"""As shells have it: 128 and the number of SIGINT."""
ENDING_SECONDS = 22.0
"""From the first Ctrl-C to the end, whatever holds it up: more than draining and last words may take."""


def prepare(state: StateFolder, *, verbose: bool) -> Settings:
    """Read the settings and open the log in the state folder. Raises EnvironmentProblemError when it is somebody's."""
    state.refuse_others()
    stated = settings()
    loud = verbose or stated.verbose
    configure_logs(file=state.path / "logs" / "up.jsonl", stderr=loud, verbose=loud)
    return stated


def in_loop(work: Callable[[asyncio.Event], Awaitable[T]], *, code: int = INTERRUPTED) -> T | None:
    """Run `work(stop)` in a loop of its own; SIGINT and SIGTERM set `stop`, the first time to finish what is in
    flight, the second time to stop at once, which loses nothing recorded.

    Returns its result, or None when it was told to stop; then the process exits with `code`, soon.
    """
    stoppable: Stoppable[T] = Stoppable(code=code, longest=ENDING_SECONDS)
    result = stoppable.run(work)
    if stoppable.gave_up:
        say(GIVEN_UP)
    return None if stoppable.told else result
