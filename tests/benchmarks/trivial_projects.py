"""Projects of trivial tasks as YAML documents: a scripted model that has each task write one file and say so."""

from collections.abc import Sequence
from enum import StrEnum

LARGEST = 100
"""Tasks in one project at most: what the resource allows."""
TEAM, MEMBER = "bench", "doer"


class Shape(StrEnum):
    """How tasks depend on each other."""

    FAN = "side by side, then one after all"
    CHAIN = "one after the other"


def team_documents(*, replicas: int) -> Sequence[dict[str, object]]:
    """The model and the team. One rule a task, because a script has no variables."""
    rules: list[dict[str, object]] = []
    for number in range(LARGEST):
        call = {"tool": "write_file", "args": {"path": f"{_name(number)}.txt", "content": "done\n"}}
        rules.append({"when": {"task": _name(number), "turn": 0}, "toolCalls": [call]})
    member: dict[str, object] = {
        "name": MEMBER,
        "tier": "Execution",
        "replicas": replicas,
        "models": ["scripted"],
        "tools": ["Files"],
    }
    member["prompt"] = "You do as you are told."
    team: dict[str, object] = {"strategy": "Sequential", "members": [member], "limits": {"maxInFlight": replicas}}
    return (
        _resource("Model", "scripted", {"provider": "Scripted", "script": [*rules, {"reply": "done"}]}),
        _resource("AgentTeam", TEAM, team),
    )


def project_document(number: int, shape: Shape, tasks: int) -> dict[str, object]:
    """`bench-NUMBER`, of that many tasks."""
    stated = [
        {"name": _name(task), "instructions": "Write the file.", **_after(shape, task, tasks)} for task in range(tasks)
    ]
    return _resource("Project", f"bench-{number}", {"team": TEAM, "goal": "Files.", "tasks": stated})


def _after(shape: Shape, task: int, tasks: int) -> dict[str, object]:
    """A fan's last task comes after twenty of the others, as many as one task may name."""
    if shape is Shape.CHAIN and task:
        return {"dependsOn": [_name(task - 1)]}
    if shape is Shape.FAN and task == tasks - 1:
        return {"dependsOn": [_name(before) for before in range(max(0, task - 20), task)]}
    return {}


def _name(number: int) -> str:
    return f"task-{number}"


def _resource(kind: str, name: str, spec: dict[str, object]) -> dict[str, object]:
    return {"apiVersion": "aios.dev/v1alpha1", "kind": kind, "metadata": {"name": name}, "spec": spec}
