"""`python -m tests.faults.child YAML STATE WHEN K COUNT`: `aios up YAML --once`, killed around its K-th port call.

Writes the number of calls it made to the file COUNT when it lives to the end; exits 0 only if all succeeded.
"""

import asyncio
import sys
from pathlib import Path

from aios.desired.changes import ChangeSet
from aios.embedded.state_folder import StateFolder
from aios.spec.base import Ref
from aios.spec.catalogue import Catalogue
from aios.wiring.follow import RunRecord
from aios.wiring.stated import Sources
from aios.wiring.up import UpOptions, up
from tests.faults.killing import Killer, When


class Nobody:
    """An audience that looks away."""

    def opened(self, state: StateFolder, *, new: bool, metrics: str) -> None: ...

    def applied(self, changes: ChangeSet, catalogue: Catalogue) -> None: ...

    def deleted(self, ref: Ref, fate: str) -> None: ...

    def broken(self, message: str) -> None: ...

    def happened(self, record: RunRecord) -> None: ...

    def waiting(self, reason: str) -> None: ...

    def draining(self) -> None: ...


def main(yaml: str, state: str, when: str, at: str, count: str) -> int:
    """Returns the exit code."""
    killer = Killer(When(when), int(at))
    options = UpOptions(state=StateFolder(Path(state)), sources=Sources((yaml,)), once=True)
    ended = asyncio.run(up(options, Nobody(), asyncio.Event(), instrument=killer.instrument))
    Path(count).write_text(str(killer.calls), encoding="utf-8")
    return 0 if ended.succeeded else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
