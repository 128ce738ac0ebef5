"""From commands to events: answers what `decide` asks with who is there now. Pure, as deciding is.

The engine journals what comes out of here in one append and acts afterwards, so that a crash between the two leaves
a decision that the next engine carries out, never a deed without a record.
"""

from collections.abc import Sequence

from aios.projects.decide import Assign, Emit, JudgePlan, Stop, decide
from aios.projects.fold import apply
from aios.projects.layout import build_task, need_for
from aios.projects.plan import BadPlanError, judge_plan, plan_instructions
from aios.projects.state import RunState, TaskState
from aios.routing.candidates import Candidate, NoRoute
from aios.routing.choose import choose
from aios.spec.vocabulary import TaskPhase
from aios.tasks.run_events import (
    AnyRunEvent,
    Dispatched,
    Planned,
    PlanRejected,
    RejectedCandidate,
    Waiting,
)
from aios.tasks.task import TaskKind

MOST_REJECTED = 50
"""Rejected candidates a journalled dispatch lists; the largest team has 200."""
LONGEST_REASON = 1_000


def settle(
    state: RunState, now: float, candidates: Sequence[Candidate], *, allowance: int
) -> tuple[RunState, tuple[AnyRunEvent, ...]]:
    """Everything that can be decided at `now`, dispatching at most `allowance` attempts, and the state it leads to.

    Settling a settled state yields nothing.
    """
    events: list[AnyRunEvent] = []
    while new := step(state, now, candidates, allowance=allowance):
        for event in new:
            state = apply(state, event)
        allowance -= sum(isinstance(event, Dispatched) for event in new)
        events += new
    return state, tuple(events)


def step(state: RunState, now: float, candidates: Sequence[Candidate], *, allowance: int) -> tuple[AnyRunEvent, ...]:
    """One round of `decide` as events. Stop is not answered here: only an attempt's stream knows how it ended."""
    room = min(allowance, state.max_in_flight - len(state.running))
    events: list[AnyRunEvent] = []
    for command in decide(state, now):
        match command:
            case Emit(event):
                events.append(event)
            case JudgePlan(planning, text) if candidates:  # with the team away for a moment no plan could be good
                events.append(_judged(state, planning, text, candidates, now=now))
            case Assign(task) if room > 0:  # without room nobody is looked for: a full run costs no routing
                event = _assigned(state, task, candidates, now=now)
                room -= isinstance(event, Dispatched)
                if not _known(task, event):
                    events.append(event)
            case Assign() | JudgePlan() | Stop():
                pass
    return tuple(events)


def _known(task: TaskState, event: Dispatched | Waiting) -> bool:
    """Whether the task waits already, for the same reason."""
    return isinstance(event, Waiting) and task.phase is TaskPhase.WAITING and task.reason == event.reason


def _judged(
    state: RunState, planning: TaskState, text: str, candidates: Sequence[Candidate], *, now: float
) -> Planned | PlanRejected:
    try:
        tasks = judge_plan(text, state, candidates)
    except BadPlanError as error:
        return PlanRejected(at=now, attempt=planning.attempt, error=str(error)[:LONGEST_REASON])
    return Planned(at=now, member=planning.member, model=planning.model, tasks=tasks)


def _assigned(state: RunState, task: TaskState, candidates: Sequence[Candidate], *, now: float) -> Dispatched | Waiting:
    tiers = {candidate.member: candidate.tier for candidate in candidates}
    asked = plan_instructions(candidates) if task.kind is TaskKind.PLAN else ""
    order = build_task(state, task, tiers, instructions=asked)
    failed = max((one.capability for one in candidates if one.model in task.failed_models), default=0)
    decision = choose(need_for(task, order, above_capability=failed), candidates)
    if isinstance(decision, NoRoute):
        return Waiting(at=now, task=task.name, reason=decision.reason[:LONGEST_REASON])
    return Dispatched(
        at=now,
        task=order,
        attempt=task.attempt + 1,
        member=decision.member,
        model=decision.model,
        reason=decision.reason,
        rejected=tuple(
            RejectedCandidate(member=one.member, model=one.model, reason=one.sentence)
            for one in decision.rejected[:MOST_REJECTED]
        ),
        feedback=task.feedback,
    )


def demand(state: RunState, now: float, candidates: Sequence[Candidate], *, exact: bool) -> int:
    """How many attempts the run would dispatch now if nothing else bounded it. Not `exact`: at most so many, without
    asking who could do them."""
    if state.cancel or state.suspended or state.ended:
        return 0
    room = max(0, state.max_in_flight - len(state.running))
    if not exact:
        return min(room, len(state.startable))
    _, events = settle(state, now, candidates, allowance=room)
    return sum(isinstance(event, Dispatched) for event in events)
