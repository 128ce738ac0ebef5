"""What every command does with the PATHs it was given, or was not given."""

import asyncio
import os
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from aios.cli.terminal import paint, say
from aios.errors import NotFoundError

if TYPE_CHECKING:
    from aios.embedded.state_folder import StateFolder


def stdin_of(paths: Sequence[str]) -> str:
    """What "-" among them stands for; empty without it. Raises InvalidSpecError where there is no standard input."""
    from aios.spec.sources import STDIN, standard_input

    return standard_input(sys.stdin) if STDIN in paths else ""


def say_left_alone(paths: Sequence[str]) -> None:
    """On stderr, which folders within them are not read: agents wrote what is there."""
    from aios.spec.sources import exported_below, left_alone

    if line := left_alone(exported_below(paths, cwd=Path.cwd())):
        say(paint(line, "dim", stream=sys.stderr))


def require_declared(verb: str, paths: Sequence[str], folder: "StateFolder") -> None:
    """Raises NotFoundError when no path is named and nothing was ever declared in the folder either: whoever forgot the
    path would wait for ever, or take an empty success for one."""
    if paths:
        return
    if folder.exists:
        folder.check_version()
        if asyncio.run(_ever_held(folder)):
            return
    raise NotFoundError(f"nothing is declared: name a folder, such as `aios {verb} .`")


def export_command(project: str, paths: Sequence[str], folder: "StateFolder", *, namespace: str) -> str:
    """The command that fetches its files, as it can be pasted here, into a folder outside of `paths`."""
    from aios.cli.state import command

    return command(f"aios workspace export {project} {shlex.quote(_outside(paths))}", folder, namespace=namespace)


def _outside(paths: Sequence[str]) -> str:
    """`out`, here or further up, where no path holds it. Without a path nobody knows whether this folder is read."""
    if not paths:
        return "../out"
    here = place = Path.cwd().resolve()
    read = [Path(path).expanduser().resolve() for path in paths if path != "-"]
    while place != place.parent and any(_overlap(place / "out", one) for one in read):
        place = place.parent
    return "./out" if place == here else os.path.relpath(place / "out", here)


def _overlap(one: Path, other: Path) -> bool:
    return one.is_relative_to(other) or other.is_relative_to(one)


async def _ever_held(folder: "StateFolder") -> bool:
    """Whether it holds a resource, or held one that an `aios up` may still have to clean up behind."""
    from aios.embedded.resources import SqliteResources
    from aios.wiring.sources import stored

    resources = SqliteResources(folder.resources)
    try:
        return bool(await stored(resources) or await resources.gone())
    finally:
        await resources.close()
