"""Projects with nothing left to drive: of each an engine keeps a line, not its run.

A cluster keeps finished Projects for as long as people like. What an engine does at its start and what it remembers
must not grow with them, or a thousand of them would hold up the few that are under way.
"""

from collections.abc import Callable
from dataclasses import dataclass

from aios.naming import ANNOTATION_RETRY, run_stream
from aios.ports.journal import Journal
from aios.projects.steering import DELETED
from aios.spec.base import Ref
from aios.spec.project import Project, RunStatus


@dataclass(frozen=True, slots=True)
class _Rest:
    """What was wished when nothing was left to do, and how far the run had come that the Project showed then."""

    wish: tuple[str, int, str]
    run: str
    seq: int


class Resting:
    """The projects that were put aside. One that wishes something else, or shows its end no longer, rests no more."""

    def __init__(self, project: Callable[[Ref], Project | None]) -> None:
        """`project`: the Project as it was last seen."""
        self._project = project
        self._known: dict[Ref, _Rest] = {}

    def __contains__(self, ref: Ref) -> bool:
        project, rest = self._project(ref), self._known.get(ref)
        if project is None or rest is None:
            return False
        return rest.wish == _wish(project) and shows_end(project.status.run, rest.run, rest.seq)

    def stirred(self, ref: Ref) -> bool:
        """Whether it was put aside and rests no more."""
        return ref in self._known and ref not in self

    def put(self, project: Project, run: str, seq: int) -> None:
        """`project`: as it was when it was found that nothing is left to do."""
        self._known[project.ref] = _Rest(_wish(project), run, seq)

    def drop(self, ref: Ref) -> None:
        """It is driven again, or gone."""
        self._known.pop(ref, None)


def shows_end(shown: RunStatus, run: str, seq: int) -> bool:
    """Whether this status tells of the end of `run` at `seq`, or of what came after."""
    return shown.id == run and (shown.sequence > seq or (shown.sequence == seq and shown.phase.ended))


async def is_over(journal: Journal, project: Project) -> bool:
    """Whether the run that `project` asks for has ended, the Project shows it, and nothing may follow.

    The status is believed only as far as the journal is where the status says it is: it may be lost, edited or older.
    Whether a retry was answered, and by which Project a run was cut off, only the whole run says: those are not over.
    """
    shown = project.status.run
    if not shown.phase.ended or shown.id != project.run_id or shown.reason == DELETED:
        return False
    if ANNOTATION_RETRY in project.metadata.annotations:
        return False
    return await journal.head(run_stream(shown.id)) == shown.sequence


def _wish(project: Project) -> tuple[str, int, str]:
    """Everything by which a Project can ask for more once its run has ended."""
    meta = project.metadata
    return meta.uid, meta.generation, meta.annotations.get(ANNOTATION_RETRY, "")
