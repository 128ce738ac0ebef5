"""The two texts an attempt begins with: who the agent is, and what it is to do. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from aios.agents.assignment import Assignment
from aios.agents.mailbox import Letter
from aios.desired.nouns import WorkerConfig
from aios.spec.prompts import render
from aios.spec.vocabulary import Privacy
from aios.tasks.task import TaskKind
from aios.workspace.manifest import Manifest

MAX_FILES = 200

PLAN = """\
Answer with JSON and nothing else: {"tasks": [{"name": "...", "instructions": "...", "dependsOn": ["..."], \
"complexity": 5, "member": "...", "outputs": ["..."], "check": {"run": ["program", "argument"]}}]}
- name: lower-case letters, digits and dashes, unique. instructions: all that is needed to do it.
- dependsOn: tasks that must be done first; no cycles. complexity: 1 (trivial) to 10.
- member: who does it, or leave it out. outputs: globs that must exist in the end, or leave it out.
- check: a command that must succeed in the end, or leave it out.
At most 100 tasks, 20 dependencies each."""


@dataclass(frozen=True, slots=True)
class Known:
    """What is looked up before an attempt begins, each within `label`."""

    label: Privacy
    memories: Sequence[str]
    letters: Sequence[Letter]
    withheld: int
    """Letters that are stricter than the member or its model is cleared for."""
    manifest: Manifest
    time: str


def system_text(config: WorkerConfig, assignment: Assignment) -> str:
    """The member's prompt. Raises PromptError."""
    task = assignment.task
    variables: dict[str, object] = {
        "team": {"name": config.team},
        "member": {"name": config.member.name, "tier": config.member.tier.value},
        "project": {"name": assignment.project, "goal": task.goal},
        "inputs": dict(task.inputs),
        "task": {
            "name": task.name,
            "instructions": task.instructions,
            "dependsOn": list(task.depends_on),
            "outputs": list(task.outputs),
            "attempt": assignment.bell.attempt,
        },
    }
    return render(config.member.prompt or "", variables)


def user_text(assignment: Assignment, known: Known) -> str:
    """The task, and everything recalled for it, as the first message."""
    task = assignment.task
    parts = [
        f"Goal of the project {assignment.project}:\n{task.goal}",
        f"Your task {task.name}, attempt {assignment.bell.attempt}:\n{task.instructions}",
        _listed("Inputs:", [f"{name} = {value}" for name, value in sorted(task.inputs.items())]),
        f"Files that must exist when you finish: {', '.join(task.outputs)}" if task.outputs else "",
        f"This command must succeed when you finish: {' '.join(task.check)}" if task.check else "",
        f"What was wrong with the attempt before:\n{assignment.feedback}" if assignment.feedback else "",
        _listed("What the team remembers:", known.memories),
        _listed("Messages for you:", [f"{letter.sender} ({letter.task}): {letter.text}" for letter in known.letters]),
        f"{known.withheld} messages are stricter than you are cleared for." if known.withheld else "",
        _files(known),
        _plan(assignment) if task.kind is TaskKind.PLAN else "",
        f"It is {known.time}.",
    ]
    return "\n\n".join(part for part in parts if part)


def _listed(title: str, lines: Sequence[str]) -> str:
    return "\n".join([title, *(f"- {line}" for line in lines)]) if lines else ""


def _files(known: Known) -> str:
    paths = sorted(path for path, entry in known.manifest.files.items() if known.label.permits(entry.privacy))
    more = [f"... and {len(paths) - MAX_FILES} more"] if len(paths) > MAX_FILES else []
    return _listed("Files in the workspace:", [*paths[:MAX_FILES], *more])


def _plan(assignment: Assignment) -> str:
    return f"Members: {', '.join(assignment.members)}\n{PLAN}" if assignment.members else PLAN
