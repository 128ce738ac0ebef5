"""Project: accepted or not, and what its run has come to. The engine drives the run and writes `status.run`; this
file mirrors it into conditions and columns, and holds a project that is to be cleaned up until that is done.
"""

from collections.abc import Mapping

from aios.errors import HeldElsewhereError
from aios.naming import FINALIZER
from aios.reconcile.conditions import Finding, holds, progressing, stalled, stalled_by, to_conditions
from aios.reconcile.world import Reading, World, publish
from aios.spec.base import Condition, Kind, Ref, Resource
from aios.spec.conditions import ConditionType, Reason
from aios.spec.project import Project, ProjectStatus, RunStatus
from aios.spec.rules import project_problems
from aios.spec.team import AgentTeam
from aios.spec.vocabulary import DeletionPolicy, ProjectPhase, TaskPhase

_MAKE_SERVICES = (
    "make the Secret aios-services in aios-system, then `kubectl rollout restart deployment -n aios-system`, for it is "
    "read at the start"
)
_REASON = {
    ProjectPhase.PENDING: Reason.ACCEPTED,
    ProjectPhase.PLANNING: Reason.PLANNING,
    ProjectPhase.RUNNING: Reason.RUNNING,
    ProjectPhase.PAUSED: Reason.SUSPENDED,
    ProjectPhase.SUCCEEDED: Reason.RUN_SUCCEEDED,
    ProjectPhase.FAILED: Reason.RUN_FAILED,
    ProjectPhase.CANCELLED: Reason.RUN_CANCELLED,
}


async def reconcile_project(world: World, project: Project, reading: Reading) -> None:
    """Judge the project, mirror its run, hold or release it."""
    if project.metadata.deletion_timestamp is not None:
        await _let_go(world, project)
        return
    await _hold(world, project)
    found = await reading.closure(project)
    obstacle = _obstacle(world, project, found) or await _held_elsewhere(world, project)
    await _publish(world, project, obstacle or _accepted(project))


async def _hold(world: World, project: Project) -> None:
    """Only where something can be cleaned up, so that a cluster without services never blocks a deletion."""
    wanted = project.spec.deletion_policy is DeletionPolicy.DELETE and world.cleanup is not None
    if wanted and FINALIZER not in project.metadata.finalizers:
        await world.resources.add_finalizer(project.ref, FINALIZER)
    elif project.spec.deletion_policy is DeletionPolicy.RETAIN and FINALIZER in project.metadata.finalizers:
        await world.resources.remove_finalizer(project.ref, FINALIZER)


async def _let_go(world: World, project: Project) -> None:
    if FINALIZER not in project.metadata.finalizers:
        return
    if world.cleanup is None:
        message = (
            f"its files and journal cannot be deleted without services: {_MAKE_SERVICES}; or set deletionPolicy: Retain"
        )
        if project.spec.deletion_policy is DeletionPolicy.DELETE:
            await _publish(world, project, stalled(Reason.SERVICES_NOT_CONFIGURED, message))
            return
    elif project.spec.deletion_policy is DeletionPolicy.DELETE:
        await world.cleanup(project)
    await world.resources.remove_finalizer(project.ref, FINALIZER)


def _obstacle(world: World, project: Project, found: Mapping[Ref, Resource | None]) -> tuple[Finding, ...]:
    """Why it cannot run, or nothing."""
    if problems := project_problems(project, found.get):
        return stalled_by(problems)
    if not world.services_ready:
        return stalled(
            Reason.SERVICES_NOT_CONFIGURED,
            f"accepted and kept; it runs once the operator knows broker, object store and sessions: {_MAKE_SERVICES}",
        )
    team = found.get(Ref(Kind.TEAM, project.metadata.namespace, project.spec.team))
    if isinstance(team, AgentTeam) and not _is_usable(team):
        return progressing(Reason.TEAM_NOT_READY, f"{team.ref}: {team.status.reason or 'not looked at yet'}")
    return ()


async def _held_elsewhere(world: World, project: Project) -> tuple[Finding, ...]:
    try:
        if world.declare is not None:
            await world.declare(project)
    except HeldElsewhereError as error:
        return stalled(Reason.HELD_ELSEWHERE, str(error))
    return ()


def _is_usable(team: AgentTeam) -> bool:
    """Its agents and queues exist. Replicas that are still starting find their tasks waiting."""
    judged = team.status.observed_generation == team.metadata.generation and team.status.conditions
    return bool(judged) and not holds(team.status.conditions, ConditionType.STALLED)


def _accepted(project: Project) -> tuple[Finding, ...]:
    run = project.status.run
    phase = _phase(project)
    reason, message = _REASON[phase], _message(project, phase)
    if not phase.ended and (waiting := _waits(run)):
        reason, message = Reason.NO_PERMITTED_MODEL, waiting
    return (
        Finding(ConditionType.READY, True, Reason.ACCEPTED),
        Finding(ConditionType.RECONCILING, not phase.ended, reason, "" if phase.ended else message),
        Finding(ConditionType.STALLED, False, Reason.ACCEPTED),
    )


def _ended(project: Project) -> tuple[Finding, ...]:
    phase = _phase(project)
    reason, message = _REASON[phase], _message(project, phase)
    failed = phase in {ProjectPhase.FAILED, ProjectPhase.CANCELLED}
    return (
        Finding(ConditionType.COMPLETE, phase is ProjectPhase.SUCCEEDED, reason, "" if failed else message),
        Finding(ConditionType.FAILED, failed, reason, message if failed else ""),
    )


def _phase(project: Project) -> ProjectPhase:
    """The run's. One that ended and was asked for by an earlier spec says nothing about this one."""
    run = project.status.run
    return ProjectPhase.PENDING if run.phase.ended and run.id != project.run_id else run.phase


def _message(project: Project, phase: ProjectPhase) -> str:
    run = project.status.run
    if run.reason and phase is not ProjectPhase.PENDING:
        return run.reason
    return "waiting for an engine" if phase is ProjectPhase.PENDING else f"{_done(project)} tasks done"


def _waits(run: RunStatus) -> str:
    """Why nothing moves: a plan that nobody may make, or tasks that nobody may do while no other is under way."""
    if run.phase is ProjectPhase.PLANNING:
        return run.reason  # the plan is no task of the list; a reason is only told while it waits
    moving = {TaskPhase.READY, TaskPhase.RUNNING, TaskPhase.BACKOFF}
    waiting = [f"{task.name}: {task.reason}" for task in run.tasks if task.phase is TaskPhase.WAITING]
    return "" if any(task.phase in moving for task in run.tasks) else "; ".join(waiting)


def _done(project: Project) -> str:
    run = project.status.run
    if _phase(project) is ProjectPhase.PENDING:
        return f"0/{len(project.spec.tasks)}" if project.spec.tasks else ""
    return f"{sum(task.phase is TaskPhase.SUCCEEDED for task in run.tasks)}/{len(run.tasks)}"


async def _publish(world: World, project: Project, findings: tuple[Finding, ...]) -> None:
    generation, before = project.metadata.generation, project.status
    conditions = to_conditions(
        (*findings, *_ended(project)), before.conditions, generation=generation, now=world.clock.now()
    )
    status = ProjectStatus(
        observed_generation=generation,
        conditions=conditions,
        phase=_phase(project),
        done=_done(project),
        reason=_deciding(conditions),
        tokens=before.run.tokens,
        run=before.run,
    )
    await publish(world, project, status)


def _deciding(conditions: tuple[Condition, ...]) -> str:
    """The reason a person looks for first: why it is not accepted, else how far the run is."""
    by_type = {condition.type: condition for condition in conditions}
    if by_type[ConditionType.READY].status != "True":
        return by_type[ConditionType.READY].reason
    return by_type[ConditionType.RECONCILING].reason
