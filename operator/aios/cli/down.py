"""`aios down`: end the `aios up` of a state folder; what it did and was doing stays in the folder."""

import os
import signal
import time
from typing import TYPE_CHECKING, Annotated

import typer

from aios.cli.options import State
from aios.cli.terminal import say
from aios.errors import EnvironmentProblemError

if TYPE_CHECKING:
    from aios.embedded.state_folder import StateFolder

app = typer.Typer(add_completion=False)

PATIENCE = 30.0
LINGER_SECONDS = 2.0
"""Workers of an `aios up` that was killed may live so long."""


@app.command()
def down(
    state: State = None,
    wipe: Annotated[
        bool,
        typer.Option(
            "--wipe",
            help="Also delete the state folder and all it remembers. What aios did not put there stays, such as your "
            "keys in secrets/, and what services hold.",
        ),
    ] = False,
) -> None:
    """Stop a running `aios up`. Tasks in flight may finish; the next `aios up` goes on."""
    from aios.cli.state import command, existing, shown

    folder = existing(state)
    pid = folder.driver()
    if pid is None:
        say(f"no aios up is running in {shown(folder.path)}")
    else:
        os.kill(pid, signal.SIGTERM)
        deadline = time.monotonic() + PATIENCE
        while folder.driver() == pid:
            if time.monotonic() > deadline:
                raise EnvironmentProblemError(
                    f"process {pid} did not end within {PATIENCE:.0f} s: `kill -9 {pid}` is safe"
                )
            time.sleep(0.05)
        say(f"stopped aios up (process {pid})")
    if wipe:
        _wipe(folder)
    elif pid is not None:
        say(f"go on with:  {command('aios up', folder)}")


def _wipe(folder: "StateFolder") -> None:
    from aios.cli.state import shown
    from aios.embedded.wiping import wipe

    until = time.monotonic() + LINGER_SECONDS
    with folder.drive():  # so that none begins
        while True:
            with folder.deserted() as deserted:
                if deserted:
                    left = wipe(folder)
                    break
            if time.monotonic() > until:
                raise EnvironmentProblemError(
                    f"nothing was deleted, for workers still run in {shown(folder.path)}: stop every `aios worker "
                    f"--state {shown(folder.path)}` first"
                )
            time.sleep(0.05)
    if left:
        say(f"deleted what is surely of aios in {shown(folder.path)}; the rest stays: {', '.join(left)}")
    else:
        say(f"deleted {shown(folder.path)}")
