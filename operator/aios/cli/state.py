"""Which state folder a command means: `-C`, else AIOS_STATE_DIR, else the nearest `.aios` upward, as git does it,
else (for commands that may make one) beside the first path. Commands that only read what runs left behind need none
where all services are stated."""

import os
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from aios.embedded.state_folder import FOLDER, VARIABLE, StateFolder
from aios.errors import NotFoundError

if TYPE_CHECKING:
    from aios.wiring.services import Services

DEFAULT_NAMESPACE = "default"
IN_A_CLUSTER = "kubectl exec -n aios-system deploy/aios-engine --"
"""Before a command that reads what a cluster's services hold: the engine's pod has their URLs and reaches them."""


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
            if is_named(option)
            else f"no {FOLDER} folder here or above, and this needs what is declared in one, whatever services are "
            "stated: name it with -C DIR, or begin one with `aios up PATH`. What a cluster declares is shown by `aios "
            "get` and `aios describe` with --context, and changed by kubectl"
        )
    found.check_version()
    return found


def to_read(option: Path | None, services: "Services") -> StateFolder | None:
    """The folder that a command reads runs and files in; None: in the services alone, because none is named or found
    and all of them are stated. Raises as `existing`, and NotFoundError naming both ways when there is neither."""
    if is_named(option) or to_use(None, ()).exists:
        return existing(option)
    if missing := services.missing():
        raise NotFoundError(
            f"no {FOLDER} folder here or above to read in, and without one the installation's services must be stated: "
            f"name the folder that `aios up` works in with -C DIR, or set {', '.join(missing)}. "
            f"On a cluster:  {IN_A_CLUSTER} {shlex.join(['aios', *sys.argv[1:]])}"
        )
    return None


def is_named(option: Path | None) -> bool:
    """Whether somebody has said which folder is meant, be it there or not."""
    return option is not None or bool(os.environ.get(VARIABLE))


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
