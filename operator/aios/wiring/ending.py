"""When a project is over, so that whoever waits for it may go."""

from collections.abc import Mapping
from dataclasses import dataclass

from aios.naming import ANNOTATION_RETRY, run_stream
from aios.ports.journal import Journal
from aios.spec.base import Ref
from aios.spec.conditions import ConditionType
from aios.spec.project import Project
from aios.spec.vocabulary import ProjectPhase
from aios.tasks.run_events import RUN_EVENT, RetryRequested


@dataclass(frozen=True, slots=True)
class Ended:
    """How it ended: the projects that were waited for, by ref, with their last status."""

    projects: Mapping[Ref, Project]

    @property
    def succeeded(self) -> bool:
        """Whether every one of them did."""
        return all(project.status.run.phase is ProjectPhase.SUCCEEDED for project in self.projects.values())


def stalled(project: Project) -> str:
    """Why nothing more can happen to it before somebody changes something; empty when that is not so."""
    found = (one for one in project.status.conditions if one.type == ConditionType.STALLED and one.status == "True")
    return next((one.message or one.reason for one in found), "")


async def has_ended(project: Project, journal: Journal) -> bool:
    """Whether nothing more will happen to it by itself: its run ended and no retry is asked for, or it is stalled."""
    status = project.status
    if status.observed_generation < project.metadata.generation:
        return False
    if stalled(project):
        return True
    if status.run.id != project.run_id or not status.run.phase.ended:
        return status.run.id == project.run_id and status.run.phase is ProjectPhase.PAUSED
    return status.phase is status.run.phase and await _retry_answered(project, journal)


async def _retry_answered(project: Project, journal: Journal) -> bool:
    """The mirror may be older than the wish: a retry counts from the moment it was asked for."""
    token = project.metadata.annotations.get(ANNOTATION_RETRY, "").partition("=")[0]
    if not token:
        return True
    events = [RUN_EVENT.validate_python(one.data) for one in await journal.read(run_stream(project.run_id))]
    answered = any(isinstance(event, RetryRequested) and event.token == token for event in events)
    return answered and project.status.run.sequence >= len(events)
