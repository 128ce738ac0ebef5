"""From resources to what routing chooses from, and from a task to what it asks.

Kept apart from choosing so that the choice itself knows no YAML: whoever routes builds these values first.
"""

from collections.abc import Collection, Iterable, Mapping

from aios.routing.candidates import Candidate, Need
from aios.spec.model import Model
from aios.spec.project import TaskSpec
from aios.spec.team import AgentTeam, Member
from aios.spec.vocabulary import Tier, Tool
from aios.tasks.task import Task


def build_candidates(
    team: AgentTeam, models: Iterable[Model], *, absent: Collection[str] = ()
) -> tuple[Candidate, ...]:
    """Every member of `team` with each of its models that exists in `models` (the team's namespace), in the order
    written. A member in `absent` has no replica at all and is unhealthy, as is a model that is not Ready."""
    known = {model.metadata.name: model for model in models}
    return tuple(
        _candidate(member, known[name], seat=seat, position=position, present=member.name not in absent)
        for seat, member in enumerate(team.spec.members)
        for position, name in enumerate(member.models)
        if name in known
    )


def _candidate(member: Member, model: Model, *, seat: int, position: int, present: bool) -> Candidate:
    spec = model.spec
    return Candidate(
        member=member.name,
        tier=member.tier,
        member_clearance=member.clearance,
        tools=frozenset(member.tools),
        allow=frozenset(member.run.allow),
        routing=member.routing,
        seat=seat,
        model=model.metadata.name,
        position=position,
        locality=spec.effective_locality,
        model_clearance=spec.effective_clearance,
        capability=spec.capability,
        input_price=spec.input_price,
        output_price=spec.output_price,
        healthy=present and not _refused(model),
    )


def _refused(model: Model) -> bool:
    """Whether the operator found the model unusable; one it has not looked at yet gets the benefit of the doubt."""
    return any(condition.type == "Ready" and condition.status == "False" for condition in model.status.conditions)


def default_complexity(spec: TaskSpec, tiers: Mapping[str, Tier]) -> int:
    """What the task states, else the default of its tier or of its member's tier (`tiers`: member to tier), else
    that of Execution, which does the ordinary work."""
    if spec.complexity is not None:
        return spec.complexity
    tier = spec.tier or tiers.get(spec.member or "", Tier.EXECUTION)
    return tier.default_complexity


def need_of(task: Task, *, by_default: bool = False, above_capability: int = 0, unusable: Iterable[str] = ()) -> Need:
    """What `task` asks: outputs need the Files tool, a check needs its program in `run.allow`. `by_default`: nobody
    stated its complexity."""
    return Need(
        privacy=task.privacy,
        complexity=task.complexity,
        tools=frozenset({Tool.FILES}) if task.outputs else frozenset(),
        commands=frozenset(task.check[:1]),
        member=task.member,
        tier=task.tier,
        above_capability=above_capability,
        unusable=frozenset(unusable),
        by_default=by_default,
    )
