"""Where a project's tasks would go, without starting anything: for `aios plan --explain`. Pure; spends nothing."""

from collections.abc import Iterable
from dataclasses import replace

from aios.projects.fold import fold
from aios.projects.layout import build_task, need_for, stated_labels, stated_plan
from aios.projects.plan import plan_instructions
from aios.projects.steering import build_run_started
from aios.routing.build import build_candidates
from aios.routing.candidates import Need, NoRoute, Route
from aios.routing.choose import choose
from aios.spec.model import Model
from aios.spec.project import Project
from aios.spec.team import AgentTeam
from aios.tasks.run_events import Planned
from aios.tasks.task import Task, TaskKind


def preview(
    project: Project, team: AgentTeam, models: Iterable[Model]
) -> tuple[tuple[Task, Need, Route | NoRoute], ...]:
    """Each task that is known before the run, with its first route; the planning alone when a member is to plan."""
    absent = {member.name for member in team.spec.members if member.replicas == 0}
    candidates = build_candidates(team, models, absent=absent)
    started = build_run_started(project, team)
    state = fold([started])
    if plan := stated_plan(state):
        state = fold([Planned(member="", tasks=plan)], state)
    tiers = {member.name: member.tier for member in team.spec.members}
    labels = stated_labels([task.spec for task in state.everything])
    routed = []
    for found in state.everything:
        task = replace(found, privacy=labels[found.name])
        asked = plan_instructions(candidates) if task.kind is TaskKind.PLAN else ""
        order = build_task(state, task, tiers, instructions=asked)
        need = need_for(task, order)
        routed.append((order, need, choose(need, candidates)))
    return tuple(routed)
