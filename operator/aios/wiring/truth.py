"""Which services hold a state folder's truth, remembered in it.

A folder whose runs are journalled in an object store must never be opened over an empty embedded journal, or the
other way round: every project would be done, and paid for, a second time.
"""

import json

from aios.embedded.cards import write_card
from aios.embedded.state_folder import StateFolder
from aios.errors import EnvironmentProblemError
from aios.wiring.services import Services, variable


def keep_to(state: StateFolder, services: Services) -> None:
    """Remember where journal and files are, the first time. Raises as `compare` does, and when there is no room."""
    if compare(state, services):
        write_card(state.services, json.dumps(services.truth()))


def compare(state: StateFolder, services: Services) -> bool:
    """Whether there is something to remember. Raises EnvironmentProblemError when journal or files were elsewhere."""
    card = state.services
    now = services.truth()
    try:
        before = json.loads(card.read_text(encoding="utf-8"))
    except FileNotFoundError:
        before = None
    except ValueError as error:
        raise EnvironmentProblemError(
            f"{card} is damaged ({error}): restore it, or name another state folder"
        ) from error
    if before is None and not any(now.values()):
        return False  # embedded: the usual case writes no card
    if before is None and state.journal.exists():
        before = dict.fromkeys(now, "")
    if before is not None and before != now:
        wrong = next(port for port in now if now[port] != before.get(port, ""))
        there, here = (where.get(wrong) or "in the state folder itself" for where in (before, now))
        raise EnvironmentProblemError(
            f"the {wrong} of the state folder {state.path} is at {there}, and now it would be {here}: state "
            f"{variable('objects')} and {variable('journal')} as they were (`source` the file they came from), or use "
            "another state folder"
        )
    return before is None
