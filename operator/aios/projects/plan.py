"""Reading a model's plan. What a model says is never trusted: it is data to be judged, with every fault named at once.

A plan that is accepted can be carried out: its tasks form a DAG, and for each there is somebody who may and can do
it. One that is refused goes back with the text of the refusal, so the text says what would be accepted.
"""

import json
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from pydantic import ValidationError

from aios.errors import AiosError
from aios.naming import PLAN_TASK
from aios.projects.layout import build_task, need_for, stated_labels
from aios.projects.state import RunState, TaskState
from aios.routing.candidates import Candidate, NoRoute
from aios.routing.choose import choose
from aios.spec.graph import find_cycle
from aios.spec.outputs import output_fault
from aios.spec.project import TaskSpec

MOST_TASKS = 100
MOST_FAULTS = 10
"""Faults told at once; a planner that makes more repairs these first."""

_FENCE = re.compile(r"```(?:json)?\s*\n(.*?)```", re.DOTALL | re.IGNORECASE)


class BadPlanError(AiosError):
    """The planner's answer is no plan that could be carried out; the message says why, for the planner to read."""


def parse_plan(text: str) -> tuple[TaskSpec, ...]:
    """The tasks in `text`: JSON `{"tasks": [...]}`, bare, in a ```json fence or amid prose. Raises BadPlanError."""
    document = _document(text)
    listed = document.get("tasks") if isinstance(document, dict) else document
    if not isinstance(listed, list):
        raise BadPlanError('Answer with one JSON object {"tasks": [...]}.')
    if not 1 <= len(listed) <= MOST_TASKS:
        raise BadPlanError(f"A plan has 1 to {MOST_TASKS} tasks; this one has {len(listed)}.")
    tasks: list[TaskSpec] = []
    faults: list[str] = []
    for position, item in enumerate(listed):
        try:
            tasks.append(TaskSpec.model_validate(item, extra="forbid"))
        except ValidationError as error:
            faults += [f"tasks[{position}]{_where(one['loc'])}: {one['msg']}" for one in error.errors()]
    _refuse(faults)
    return tuple(tasks)


def _document(text: str) -> object:
    """The first reading that is JSON: a fenced block, the whole text, or from the first brace to the last."""
    braces = text[text.find("{") : text.rfind("}") + 1]
    error = ""
    for part in (*_FENCE.findall(text), text, braces):
        try:
            found: object = json.loads(part)
        except (ValueError, RecursionError) as problem:  # ValueError: also a number of too many digits
            error = error or str(problem) or "nested too deeply"
        else:
            return found
    raise BadPlanError(f'The answer is not JSON ({error}). Answer with one JSON object {{"tasks": [...]}}.')


def _where(path: tuple[int | str, ...]) -> str:
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)


def judge_plan(text: str, state: RunState, candidates: Sequence[Candidate]) -> tuple[TaskSpec, ...]:
    """The tasks of `text` if they can be carried out by `candidates`. Raises BadPlanError naming every fault."""
    tasks = parse_plan(text)
    _refuse(graph_faults(tasks))
    _refuse(staff_faults(tasks, state, candidates))
    return tasks


def graph_faults(tasks: Sequence[TaskSpec]) -> list[str]:
    """Names used twice or reserved, dependencies that do not exist, circles, member and tier both stated, outputs that
    no file can match."""
    counted = Counter(task.name for task in tasks)
    faults = [f"two tasks are named {name}" for name, number in counted.items() if number > 1]
    if PLAN_TASK in counted:
        faults.append(f"no task may be named {PLAN_TASK}")
    for task in tasks:
        faults += [
            f"{task.name} depends on {name}, which is no task" for name in task.depends_on if name not in counted
        ]
        if task.member and task.tier:
            faults.append(f"{task.name} states both member and tier: state one or neither")
        faults += [f"outputs of {task.name}: {fault}" for glob in task.outputs if (fault := output_fault(glob))]
    circle = find_cycle({task.name: task.depends_on for task in tasks})
    if circle:
        faults.append(f"tasks wait for each other in a circle: {' -> '.join(circle)}")
    return faults


def staff_faults(tasks: Sequence[TaskSpec], state: RunState, candidates: Sequence[Candidate]) -> list[str]:
    """Tasks that nobody of the team may or can do with the labels that they inherit. Replicas that are down now are no
    fault of the plan."""
    healthy = [replace(candidate, healthy=True) for candidate in candidates]
    tiers = {candidate.member: candidate.tier for candidate in candidates}
    labels = stated_labels(tasks)
    faults = []
    for spec in tasks:
        task = TaskState(spec, privacy=labels[spec.name])
        decision = choose(need_for(task, build_task(state, task, tiers)), healthy)
        if isinstance(decision, NoRoute):
            faults.append(f"nobody can do {spec.name}: {decision.reason}")
    return faults


def _refuse(faults: Sequence[str]) -> None:
    if faults:
        more = f"; and {len(faults) - MOST_FAULTS} more" if len(faults) > MOST_FAULTS else ""
        raise BadPlanError("; ".join(faults[:MOST_FAULTS]) + more)


def plan_instructions(candidates: Sequence[Candidate]) -> str:
    """What the supervisor is asked: who is there, and the form of the answer."""
    members = {candidate.member: candidate for candidate in candidates}
    best = {name: max(one.capability for one in candidates if one.member == name) for name in members}
    team = "\n".join(
        f"- {name}: tier {one.tier}, capability up to {best[name]}, cleared for {one.member_clearance}, "
        f"tools {', '.join(sorted(one.tools)) or 'none'}, may run {', '.join(sorted(one.allow)) or 'nothing'}"
        for name, one in sorted(members.items(), key=lambda item: item[1].seat)
    )
    return f"{_ASK}\n\nThe team:\n{team}"


_ASK = """Split the goal into small tasks that can be checked. Answer with one JSON object and nothing else:
{"tasks": [{"name": "implement", "instructions": "Write ...", "dependsOn": [], "complexity": 5, "member": "NAME",
"outputs": ["file.py"], "check": {"run": ["python3", "-m", "unittest", "-q"]}}]}
name: lower case letters, digits and dashes, unique, not "plan". dependsOn: names of tasks that must succeed first.
complexity: 1 to 10. member: who does it, or leave it out and whoever fits does it. outputs: globs of files that must
exist when the task ends; its member needs the tool Files. check: a program and its arguments that must succeed; its
member must be allowed to run the program. Only name and instructions are required; at most 100 tasks, and 20 dependsOn
each."""
