"""Plans that need no model, and what a task looks like when it is dispatched."""

from collections.abc import Mapping, Sequence

from aios.naming import PLAN_TASK
from aios.projects.state import RunState, TaskState
from aios.routing.build import default_complexity, need_of
from aios.routing.candidates import Need
from aios.spec.project import TaskSpec
from aios.spec.vocabulary import Privacy, Strategy, Tier
from aios.tasks.run_events import RunStarted
from aios.tasks.task import Task


def stated_plan(state: RunState) -> tuple[TaskSpec, ...]:
    """The user's tasks, else one task per member in turn for Sequential; empty when a member has to plan."""
    started = state.started
    if started is None:
        return ()
    if started.tasks:
        return started.tasks
    return in_turn(started) if started.strategy is Strategy.SEQUENTIAL else ()


def in_turn(started: RunStarted) -> tuple[TaskSpec, ...]:
    """Every member works on the goal once, each after the one before, in the team's order."""
    names = [f"{member}-turn" if member == PLAN_TASK else member for member in started.members]
    return tuple(
        TaskSpec(
            name=name,
            instructions=started.goal,
            member=member,
            depends_on=(names[position - 1],) if position else (),
        )
        for position, (name, member) in enumerate(zip(names, started.members, strict=True))
    )


def label_of(state: RunState, task: TaskState) -> Privacy:
    """The strictest of: the project, what the task states, the plan it came from, what its own attempts met and
    what it takes over from the tasks it depends on. Labels only grow."""
    label = state.started.privacy if state.started else Privacy.RESTRICTED
    sources = [task.privacy, task.spec.privacy or Privacy.PUBLIC]
    sources += [state.planning.privacy] if state.planning else []
    sources += [before.privacy for name in task.spec.depends_on if (before := state.tasks.get(name))]
    for source in sources:
        label = label.stricter(source)
    return label


def stated_labels(tasks: Sequence[TaskSpec]) -> Mapping[str, Privacy]:
    """Of each task the strictest label that it or any task it depends on, directly or not, states: what it will have
    inherited once those are done. `tasks` form no circle."""
    specs = {task.name: task for task in tasks}
    labels: dict[str, Privacy] = {}

    def label(name: str) -> Privacy:
        if name not in labels:
            found = specs[name].privacy or Privacy.PUBLIC
            for before in specs[name].depends_on:
                found = found.stricter(label(before)) if before in specs else found
            labels[name] = found
        return labels[name]

    for name in specs:
        label(name)
    return labels


def need_for(task: TaskState, order: Task, *, above_capability: int = 0) -> Need:
    """What `order`, which `build_task` made of `task`, asks of whoever does it."""
    return need_of(
        order,
        by_default=task.spec.complexity is None,
        above_capability=above_capability,
        unusable=task.unusable_models,
    )


def build_task(state: RunState, task: TaskState, tiers: Mapping[str, Tier], *, instructions: str = "") -> Task:
    """`task` as its member will read it. `tiers`: member to tier; `instructions` replaces what the spec says."""
    started, spec = state.started, task.spec
    if started is None:
        raise ValueError("a task of a run that never started")
    return Task(
        name=spec.name,
        kind=task.kind,
        goal=started.goal,
        instructions=instructions or spec.instructions,
        inputs=started.inputs,
        depends_on=spec.depends_on,
        privacy=label_of(state, task),
        complexity=default_complexity(spec, tiers),
        member=spec.member,
        tier=spec.tier,
        outputs=spec.outputs,
        check=spec.check.run if spec.check else (),
    )
