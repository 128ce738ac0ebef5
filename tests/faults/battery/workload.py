"""Much small work as YAML: projects of tasks that ask paid and free models, write files, run commands and depend.

A task of a poisoned project kills every worker that runs it. Everything else is healthy and must succeed.
"""

import json
from dataclasses import dataclass
from pathlib import Path

TEAM = "crew"
MEMBERS = {"writer": 2, "runner": 2, "vault": 1}
"""Members and how many worker processes each has."""
POISON = "poison"
"""The name of a poisoned task; at most one a project."""
MOST = 25
"""Tasks of one project."""

# The command's parent is the warden, whose parent is the worker: SIGKILL to it and nothing else.
KILL_WORKER = "import os; os.kill(int(open(f'/proc/{os.getppid()}/stat').read().rsplit(')', 1)[1].split()[1]), 9)"
_TILL = "import os, sys, time; f = os.open(sys.argv[1], os.O_WRONLY | os.O_APPEND | os.O_CREAT); "
_RECEIPT = _TILL + "os.write(f, f'{os.path.basename(os.path.dirname(os.getcwd()))} {time.time()}\\n'.encode())"


@dataclass(frozen=True, slots=True)
class Workload:
    """`tasks` in `projects` projects, of which `poisoned` tasks are poison; `receipts` is the tools' ledger. `delay`:
    how long a model thinks; without one nearly nobody is ever killed while it does."""

    projects: int
    tasks: int
    poisoned: int
    receipts: Path
    delay: str = "200ms"

    def write(self, path: Path) -> None:
        """The YAML of all of it."""
        documents = [*_models(self), _team(), *self._projects()]
        path.write_text("\n---\n".join(json.dumps(document, indent=1) for document in documents), encoding="utf-8")

    def _projects(self) -> list[object]:
        share = [self.tasks // self.projects + (at < self.tasks % self.projects) for at in range(self.projects)]
        return [_project(at, size, poisoned=at < self.poisoned) for at, size in enumerate(share)]


def _models(load: Workload) -> list[object]:
    prices = {"inputPerMTok": "3.00", "outputPerMTok": "15.00"}
    return [
        _model("cloud", load, capability=9, locality="Cloud", prices=prices),
        _model("local", load, capability=5, locality="Local"),
    ]


def _model(name: str, load: Workload, **spec: object) -> object:
    receipt = {"tool": "run_command", "args": {"command": ["python3", "-c", _RECEIPT, str(load.receipts)]}}
    slowly = {"delay": load.delay}
    rules = [
        *({"when": {"task": f"w{at}", "turn": 0}, "toolCalls": [_written(at)], **slowly} for at in range(MOST)),
        {"when": {"task": "r*", "turn": 0}, "toolCalls": [receipt], **slowly},
        {"reply": "Done."},
    ]
    spec = {"provider": "Scripted", **spec, "script": rules}
    return {"apiVersion": "aios.dev/v1alpha1", "kind": "Model", "metadata": {"name": name}, "spec": spec}


def _written(number: int) -> object:
    return {"tool": "write_file", "args": {"path": f"w{number}.txt", "content": f"{number}\n"}}


def _team() -> object:
    paid_too: dict[str, object] = {"models": ["local", "cloud"]}
    own: dict[str, dict[str, object]] = {
        "writer": paid_too,
        "runner": {**paid_too, "run": {"allow": ["python3"]}},
        "vault": {"models": ["local"], "clearance": "Restricted", "run": {"allow": ["python3"]}},
    }
    members = [
        {"name": name, "tier": "Execution", "replicas": count, "tools": ["Files"], "prompt": "You work.", **own[name]}
        for name, count in MEMBERS.items()
    ]
    spec = {"strategy": "Sequential", "members": members}
    return {"apiVersion": "aios.dev/v1alpha1", "kind": "AgentTeam", "metadata": {"name": TEAM}, "spec": spec}


def _project(at: int, size: int, *, poisoned: bool) -> object:
    restricted = at % 3 == 2
    tasks = [_task(number, restricted=restricted) for number in range(size - poisoned)]
    if poisoned:
        check = {"run": ["python3", "-c", KILL_WORKER]}
        member = "vault" if restricted else "runner"
        tasks.insert(0, {"name": POISON, "member": member, "instructions": "Die.", "check": check})
    privacy = "Restricted" if restricted else "Internal"
    spec = {"team": TEAM, "goal": f"Project {at}.", "privacy": privacy, "timeout": "10h", "tasks": tasks}
    return {"apiVersion": "aios.dev/v1alpha1", "kind": "Project", "metadata": {"name": f"p{at}"}, "spec": spec}


def _task(number: int, *, restricted: bool) -> dict[str, object]:
    """Every fourth runs a command, every third needs the paid model where it may, every fifth depends on another."""
    name = task_name(number)
    member = "vault" if restricted else "runner" if name.startswith("r") else "writer"
    task: dict[str, object] = {"name": name, "member": member, "instructions": f"Do {name}."}
    task["complexity"] = 8 if number % 3 == 0 and not restricted else 4
    if number % 5 == 4:
        task["dependsOn"] = [task_name(number - 2)]
    if name.startswith("w"):
        task["outputs"] = [f"{name}.txt"]
    return task


def task_name(number: int) -> str:
    """r: it runs a command; w: it writes a file of its name."""
    return f"{'r' if number % 4 == 3 else 'w'}{number}"
