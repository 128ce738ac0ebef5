"""What becomes of what was deleted, in a sentence for whoever watches: what went, what stays and why, and how it can
be removed. A line that says only that a project is gone leaves open whether its files are."""

import logging
from collections.abc import Callable, Sequence

from aios.errors import ServiceUnavailableError
from aios.ports.journal import Journal
from aios.projects.holders import Holder
from aios.projects.runs import runs_of, unfinished_run
from aios.spec.base import Kind, Ref
from aios.wiring.declaring import Names

log = logging.getLogger(__name__)

STAYS = (
    "its runs and files stay (deletionPolicy: Retain). To remove them declare it once more with deletionPolicy: "
    "Delete, and delete it then"
)

Told = Callable[[Ref, str], None]
"""Called with what is gone, and the sentence."""


def to_log(ref: Ref, fate: str) -> None:
    """A `Told` for processes whose log is what a person looks at."""
    log.info("%s was deleted: %s", ref, fate)


def where(holders: Sequence[Holder]) -> str:
    """Which other installations, in words."""
    return ", ".join(holder.where for holder in holders)


class Departures:
    """Says each departure once, whoever notices it."""

    def __init__(self, journal: Journal, names: Names | None, told: Told, *, forgets: bool) -> None:
        """`forgets`: whether what a team remembers goes with it."""
        self._journal, self._names, self._told, self._forgets = journal, names, told, forgets
        self._cleaned: set[Ref] = set()

    def cleaned(self, ref: Ref, fate: str) -> None:
        """A `Told` for the cleanup, which knows what it removed."""
        self._cleaned.add(ref)
        self._told(ref, fate)

    async def gone(self, ref: Ref) -> None:
        """The object is in the store no more. Models and the like leave nothing behind, and nothing is said."""
        if ref in self._cleaned:
            self._cleaned.discard(ref)
        elif fate := await self._fate(ref):
            self._told(ref, fate)

    async def _fate(self, ref: Ref) -> str:
        if ref.kind is Kind.TEAM:
            return await self._of_team(ref)
        return await self._of_project(ref) if ref.kind is Kind.PROJECT else ""

    async def _of_team(self, ref: Ref) -> str:
        try:
            others = await self._names.others(ref) if self._names else ()
        except ServiceUnavailableError as error:
            return f"its agents go; whether its queues and memories may go as well is looked at later: {error}"
        if others:
            return f"its agents go; its queues and memories stay, for {where(others)} declares it too"
        if not self._forgets:
            return "its agents and queues go; what it remembers stays, for others may use AIOS_KNOWLEDGE_URL as well"
        return "its agents, queues and memories go"

    async def _of_project(self, ref: Ref) -> str:
        """One that nothing was cleaned up for: its policy is Retain, or it never began."""
        try:
            if not await runs_of(self._journal, ref.namespace, ref.name):
                return ""
            going_on = self._names and await unfinished_run(self._journal, ref.namespace, ref.name)
        except ServiceUnavailableError as error:
            return f"its runs and files, if there are any, stay (deletionPolicy: Retain); not looked at: {error}"
        held = "; other installations may use its name once its run has ended" if going_on else ""
        return f"{STAYS}{held}"
