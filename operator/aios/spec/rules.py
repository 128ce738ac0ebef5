"""Rules between fields and between objects, as pure functions: one verdict for files, laptop and operator.

The loader gives each problem a place in a file, the operator turns it into a Stalled condition. What a schema or CEL
can say the API server checks as well; the rest (circles, other objects, prompts) only these functions know.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from aios.naming import PLAN_TASK
from aios.spec.base import Kind, Ref
from aios.spec.catalogue import Lookup, UnresolvedError, resolve_prompt, resolve_script
from aios.spec.conditions import Reason
from aios.spec.graph import find_cycle
from aios.spec.model import Model
from aios.spec.outputs import output_fault
from aios.spec.positions import format_path
from aios.spec.programs import allow_fault, check_fault
from aios.spec.project import Project, TaskSpec
from aios.spec.prompts import VARIABLES, PromptError, UsedEntry, required_entries, required_inputs, unknown_variables
from aios.spec.scripts import rule_faults
from aios.spec.suggestions import hint, nearest
from aios.spec.team import AgentTeam, Member
from aios.spec.vocabulary import Locality, Privacy, Provider, Strategy, Tier

IN_PROCESS = frozenset({Provider.SCRIPTED, Provider.LLAMA_CPP})
MODEL_OPTIONAL = IN_PROCESS


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong at `path` ("spec.members[0].models[1]"), as a sentence and as a condition's reason.

    `missing`: the object that was looked for, so that whoever knows what exists can name it. `line`: the line within
    the text at `path` (1 is its first), 0 when the field as a whole is meant.
    """

    path: str
    message: str
    reason: Reason = Reason.INVALID_SPEC
    missing: Ref | None = None
    line: int = 0


def model_problems(model: Model, lookup: Lookup) -> tuple[Problem, ...]:
    """Everything wrong with a model, given the objects it refers to."""
    return (*_script_problems(model, lookup), *_provider_problems(model), *_cloud_problems(model))


def team_problems(team: AgentTeam, lookup: Lookup) -> tuple[Problem, ...]:
    """Everything wrong with a team, given the Models and ConfigMaps it refers to."""
    problems = [*_duplicates((m.name for m in team.spec.members), "spec.members", "member")]
    for index, member in enumerate(team.spec.members):
        path = f"spec.members[{index}]"
        problems.extend(_model_references(team, member, path, lookup))
        problems.extend(_prompt_problems(team, member, path, lookup))
        problems.extend(_program_problems(member, path))
    return (*problems, *_supervisor_problems(team))


def project_problems(project: Project, lookup: Lookup) -> tuple[Problem, ...]:
    """Everything wrong with a project, given its team."""
    spec = project.spec
    ref = Ref(Kind.TEAM, project.metadata.namespace, spec.team)
    team = lookup(ref)
    problems = [*task_problems(spec.tasks, privacy=spec.privacy)]
    if not isinstance(team, AgentTeam):
        message = f'no AgentTeam named "{spec.team}" here'
        return (Problem("spec.team", message, Reason.TEAM_NOT_FOUND, missing=ref), *problems)
    for index, task in enumerate(spec.tasks):
        problems.extend(assignment_problems(task, team, f"spec.tasks[{index}]"))
    return (*problems, *_input_problems(project, team, lookup), *_entry_problems(project, team, lookup))


def task_problems(tasks: Sequence[TaskSpec], *, privacy: Privacy, path: str = "spec.tasks") -> tuple[Problem, ...]:
    """What is wrong with a plan in itself, whoever wrote it: a user in YAML, or a model."""
    names = [task.name for task in tasks]
    problems = [*_duplicates(names, path, "task")]
    for index, task in enumerate(tasks):
        problems.extend(_task_problems(task, names, privacy, f"{path}[{index}]"))
    problems.extend(_cycle_problems(tasks, path))
    return tuple(problems)


def assignment_problems(task: TaskSpec, team: AgentTeam, path: str) -> Iterator[Problem]:
    """Whether the team has somebody who may do `task` and run its check."""
    members = team.spec.members
    if task.member is not None and team.spec.member(task.member) is None:
        known = hint(task.member, (member.name for member in members), label="its members")
        message = f'no member "{task.member}" in AgentTeam "{team.metadata.name}"; {known}'
        yield Problem(f"{path}.member", message, Reason.MEMBER_NOT_FOUND)
        return
    if task.tier is not None and not any(member.tier is task.tier for member in members):
        tiers = ", ".join(dict.fromkeys(member.tier.value for member in members))
        message = f'no member of AgentTeam "{team.metadata.name}" is {task.tier}; its tiers: {tiers}'
        yield Problem(f"{path}.tier", message, Reason.MEMBER_NOT_FOUND)
        return
    able = _able(task, team)
    if task.check is None or check_fault(task.check.run):
        return  # what is no program's name is a problem of the task itself, and nothing to be allowed
    if not any(task.check.run[0] in member.run.allow for member in able):
        who = f'member "{task.member}"' if task.member else "no member that may do it"
        verb = "may not run" if task.member else "may run"
        message = f'{who} {verb} "{task.check.run[0]}"; add it to run.allow of a member'
        yield Problem(f"{path}.check.run[0]", message, Reason.COMMAND_NOT_ALLOWED)


def _able(task: TaskSpec, team: AgentTeam) -> Sequence[Member]:
    """Who may do it, by name and tier."""
    return [m for m in team.spec.members if task.member in {None, m.name} and task.tier in {None, m.tier}]


def _script_problems(model: Model, lookup: Lookup) -> Iterator[Problem]:
    spec = model.spec
    if spec.provider is not Provider.SCRIPTED:
        for field, value in (("script", spec.script), ("scriptFrom", spec.script_from)):
            if value is not None:
                yield Problem(f"spec.{field}", f"only a Scripted model plays a script; {spec.provider} answers itself")
    elif spec.script is not None and spec.script_from is not None:
        yield Problem("spec.scriptFrom", "state script or scriptFrom, not both")
    elif spec.script is None and spec.script_from is None:
        yield Problem("spec", "a Scripted model needs script or scriptFrom")
    for inner, message in rule_faults(spec.script or ()):
        yield Problem(format_path(("spec", "script", *inner)), message, Reason.INVALID_SCRIPT)
    try:
        resolve_script(model, lookup)
    except UnresolvedError as error:
        yield Problem("spec.scriptFrom.configMapKeyRef", str(error), error.reason, missing=error.missing)


def _provider_problems(model: Model) -> Iterator[Problem]:
    spec = model.spec
    if spec.model is None and spec.provider not in MODEL_OPTIONAL:
        yield Problem("spec.model", f"{spec.provider} needs model: its name for the model")
    if spec.endpoint is None and spec.provider is Provider.OPENAI_COMPATIBLE:
        yield Problem("spec.endpoint", "OpenAICompatible needs endpoint, such as http://vllm:8000/v1")
    if spec.endpoint is not None and not _is_address(spec.endpoint):
        yield Problem("spec.endpoint", "this is no address: a host, and a port from 1 to 65535 if any")
    if spec.endpoint is not None and spec.provider in IN_PROCESS:
        yield Problem("spec.endpoint", f"{spec.provider} runs in the worker itself and has no endpoint")
    if spec.locality is Locality.LOCAL and spec.known_cloud:
        message = f"{spec.known_cloud} is somebody else's cloud: state Cloud, or nothing"
        yield Problem("spec.locality", message, Reason.CLEARANCE_NEEDS_LOCAL_MODELS)


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _cloud_problems(model: Model) -> Iterator[Problem]:
    if model.spec.effective_locality is not Locality.CLOUD:
        return
    if model.spec.prices is None:
        message = (
            'a Cloud model states its prices: {inputPerMTok: "3.00", outputPerMTok: "15.00"} (USD per million tokens)'
        )
        yield Problem("spec.prices", message, Reason.CLOUD_NEEDS_PRICES)
    if model.spec.clearance is Privacy.RESTRICTED:
        message = "a Cloud model never sees Restricted data; allowed: Public, Internal"
        yield Problem("spec.clearance", message, Reason.CLEARANCE_NEEDS_LOCAL_MODELS)


def _model_references(team: AgentTeam, member: Member, path: str, lookup: Lookup) -> Iterator[Problem]:
    cloud: list[str] = []
    for index, name in enumerate(member.models):
        ref = Ref(Kind.MODEL, team.metadata.namespace, name)
        model = lookup(ref)
        if not isinstance(model, Model):
            message = f'no Model named "{name}" here'
            yield Problem(f"{path}.models[{index}]", message, Reason.MODEL_NOT_FOUND, missing=ref)
        elif model.spec.effective_locality is Locality.CLOUD:
            cloud.append(name)
    if cloud and member.clearance is Privacy.RESTRICTED:
        names = ", ".join(f'"{name}"' for name in cloud)
        message = f"Restricted needs Local models only; {names} {'is' if len(cloud) == 1 else 'are'} Cloud"
        yield Problem(f"{path}.clearance", message, Reason.CLEARANCE_NEEDS_LOCAL_MODELS)


def _prompt_problems(team: AgentTeam, member: Member, path: str, lookup: Lookup) -> Iterator[Problem]:
    if member.prompt is not None and member.prompt_from is not None:
        yield Problem(f"{path}.promptFrom", "state prompt or promptFrom, not both")
        return
    if member.prompt is None and member.prompt_from is None:
        yield Problem(path, "a member needs prompt or promptFrom")
        return
    field = f"{path}.prompt" if member.prompt is not None else f"{path}.promptFrom.configMapKeyRef"
    try:
        for used in unknown_variables(resolve_prompt(member, team.metadata.namespace, lookup)):
            near = nearest(used.name, VARIABLES)
            meant = f'did you mean "{near}"?' if near else f"there are: {', '.join(VARIABLES)}"
            message = f'unknown prompt variable "{used}", {meant}'
            yield Problem(field, message, Reason.UNKNOWN_PROMPT_VARIABLE, line=used.line)
    except PromptError as error:
        yield Problem(field, str(error), Reason.UNKNOWN_PROMPT_VARIABLE, line=error.line)
    except UnresolvedError as error:
        yield Problem(field, str(error), error.reason, missing=error.missing)


def _program_problems(member: Member, path: str) -> Iterator[Problem]:
    for index, name in enumerate(member.run.allow):
        if message := allow_fault(name):
            yield Problem(f"{path}.run.allow[{index}]", message)


def _supervisor_problems(team: AgentTeam) -> Iterator[Problem]:
    spec = team.spec
    strategic = [member.name for member in spec.members if member.tier is Tier.STRATEGIC]
    if spec.supervisor is not None:
        supervisor = spec.member(spec.supervisor)
        if supervisor is None:
            known = hint(spec.supervisor, (member.name for member in spec.members), label="members")
            yield Problem("spec.supervisor", f'no member "{spec.supervisor}"; {known}', Reason.MEMBER_NOT_FOUND)
        elif supervisor.tier is not Tier.STRATEGIC:
            message = f'"{spec.supervisor}" is {supervisor.tier}; a supervisor must be Strategic'
            yield Problem("spec.supervisor", message, Reason.NO_SUPERVISOR)
    elif spec.strategy is Strategy.SUPERVISOR and len(set(strategic)) != 1:
        found = f"{', '.join(strategic)} are" if strategic else "no member is"
        message = f"strategy Supervisor: {found} Strategic; name one in spec.supervisor, or set strategy: Sequential"
        if not strategic:
            message = "strategy Supervisor: no member is Strategic; make one so, or set strategy: Sequential"
        yield Problem("spec.members", message, Reason.NO_SUPERVISOR)


def _task_problems(task: TaskSpec, names: Sequence[str], privacy: Privacy, path: str) -> Iterator[Problem]:
    if task.name == PLAN_TASK:
        yield Problem(f"{path}.name", f'"{PLAN_TASK}" is the supervisor\'s own task; choose another name')
    if task.member is not None and task.tier is not None:
        yield Problem(f"{path}.tier", "state member or tier, not both")
    if task.privacy is not None and not task.privacy.permits(privacy):
        message = f"{task.privacy} is looser than the project's {privacy}; a task may only be stricter"
        yield Problem(f"{path}.privacy", message)
    if task.check is not None and (message := check_fault(task.check.run)):
        yield Problem(f"{path}.check.run[0]", message)
    for index, pattern in enumerate(task.outputs):
        if message := output_fault(pattern):
            yield Problem(f"{path}.outputs[{index}]", message)
    for index, before in enumerate(task.depends_on):
        if before not in names:
            message = f'no task "{before}"; {hint(before, names, label="tasks")}'
            yield Problem(f"{path}.dependsOn[{index}]", message)


def _cycle_problems(tasks: Sequence[TaskSpec], path: str) -> Iterator[Problem]:
    cycle = find_cycle({task.name: task.depends_on for task in tasks})
    if not cycle:
        return
    index = next(index for index, task in enumerate(tasks) if task.name == cycle[0])
    edge = tasks[index].depends_on.index(cycle[1])
    message = f"tasks wait for each other in a circle: {' -> '.join(cycle)}"
    yield Problem(f"{path}[{index}].dependsOn[{edge}]", message, Reason.CYCLIC_DEPENDENCIES)


def _input_problems(project: Project, team: AgentTeam, lookup: Lookup) -> Iterator[Problem]:
    """Inputs that the members' prompts cannot be rendered without. A team's own faults are the team's problem."""
    needed: dict[str, list[str]] = {}
    for member in team.spec.members:
        try:
            used = required_inputs(resolve_prompt(member, team.metadata.namespace, lookup))
        except (PromptError, UnresolvedError):
            continue
        for variable in used:
            if variable.name not in project.spec.inputs:
                needed.setdefault(variable.name, []).append(member.name)
    for name, members in needed.items():
        message = f'needs "{name}": the prompt of {", ".join(members)} uses inputs.{name}'
        yield Problem("spec.inputs", message, Reason.UNKNOWN_PROMPT_VARIABLE)


def _entry_problems(project: Project, team: AgentTeam, lookup: Lookup) -> Iterator[Problem]:
    """Tasks without the entries that the prompt prints of everybody who may do them."""
    used: dict[str, Sequence[UsedEntry]] = {}
    for member in team.spec.members:
        try:
            used[member.name] = required_entries(resolve_prompt(member, team.metadata.namespace, lookup))
        except (PromptError, UnresolvedError):
            continue
    for index, task in enumerate(project.spec.tasks):
        counts = {"dependsOn": len(task.depends_on), "outputs": len(task.outputs)}
        able = [member.name for member in _able(task, team)]
        missing = {name: entry for name in able for entry in used.get(name, ()) if counts[entry.field] < entry.least}
        if not able or missing.keys() != set(able):
            continue
        entry = missing[able[0]]
        message = (
            f"the prompt of {able[0]} prints {entry.text} (its line {entry.line}), and this task has "
            f"{counts[entry.field] or 'no'} {entry.field}: state {entry.least}, or let the prompt ask with "
            f"{{% if task.{entry.field} %}}"
        )
        yield Problem(f"spec.tasks[{index}]", message, Reason.UNKNOWN_PROMPT_VARIABLE)


def _duplicates(names: Iterable[str], path: str, noun: str) -> Iterator[Problem]:
    seen: Counter[str] = Counter()
    for index, name in enumerate(names):
        seen[name] += 1
        if seen[name] == 2:
            yield Problem(f"{path}[{index}].name", f'a second {noun} named "{name}"; names are unique')
