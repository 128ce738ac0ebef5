"""Which state folder a command means: `-C`, else AIOS_STATE_DIR, else the nearest `.aios` upward, as git does it,
else (for commands that may make one) beside the first path."""

import os
import shlex
from collections.abc import Sequence
from pathlib import Path

from aios.embedded.state_folder import FOLDER, StateFolder
from aios.errors import NotFoundError

DEFAULT_NAMESPACE = "default"


def to_use(option: Path | None, paths: Sequence[str]) -> StateFolder:
    """The folder that `aios up PATHS` works in; it need not exist yet."""
    if option is not None:
        return _named(option)
    first = next((Path(path).expanduser() for path in paths if path != "-"), None)
    return StateFolder.locate(first, cwd=Path.cwd(), environment=os.environ)


def existing(option: Path | None) -> StateFolder:
    """The folder that a command reads. Raises NotFoundError when there is none, EnvironmentProblemError when a newer
    version made it."""
    found = to_use(option, ())
    if not found.exists:
        raise NotFoundError(
            f"no state folder {shown(found.path)}: `aios up PATH` makes one; name another with -C DIR"
            if option or os.environ.get("AIOS_STATE_DIR")
            else f"no {FOLDER} folder here or above: start one with `aios up PATH`, or name it with -C DIR"
        )
    found.check_version()
    return found


def shown(path: Path) -> str:
    """The path as short as it can be said from here."""
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)


def command(words: str, state: StateFolder, *, namespace: str = DEFAULT_NAMESPACE) -> str:
    """A command to type next, with `-n` where another namespace is meant than it would look into, and with `-C` when
    it would not find the folder by itself from here."""
    if namespace != DEFAULT_NAMESPACE:
        words = f"{words} -n {namespace}"
    if to_use(None, ()).path.resolve() == state.path.resolve():
        return words
    return f"{words} -C {shlex.quote(shown(state.path))}"


def typed(verb: str, paths: Sequence[str], state: StateFolder, *flags: str) -> str:
    """`aios VERB PATHS FLAGS` over the same folder, as it can be pasted here."""
    return command(shlex.join(["aios", verb, *paths, *flags]), state)


def again(verb: str, paths: Sequence[str], state: StateFolder, *flags: str) -> str:
    """As `typed`, to go on; what came by a pipe is in the folder by now."""
    return typed(verb, [path for path in paths if path != "-"], state, *flags)


def _named(option: Path) -> StateFolder:
    """The folder itself, or one that holds a `.aios`."""
    stated = option.expanduser()
    inside = stated / FOLDER
    return StateFolder(inside if stated.name != FOLDER and inside.is_dir() else stated)
