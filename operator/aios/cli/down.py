"""`aios down`: end the `aios up` of a state folder; what it did and was doing stays in the folder."""

import os
import shutil
import signal
import time
from typing import Annotated

import typer

from aios.cli.options import State
from aios.cli.terminal import say
from aios.errors import EnvironmentProblemError

app = typer.Typer(add_completion=False)

PATIENCE = 30.0


@app.command()
def down(
    state: State = None,
    wipe: Annotated[
        bool,
        typer.Option("--wipe", help="Also delete the state folder and all it remembers. What services hold stays."),
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
        shutil.rmtree(folder.path)
        say(f"deleted {shown(folder.path)}")
    elif pid is not None:
        say(f"go on with:  {command('aios up', folder)}")
