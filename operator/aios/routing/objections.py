"""Why a candidate must not or cannot do a task. Every filter stands here, before and apart from any ranking.

Privacy is asked first and nothing can outweigh it: no price, preference or retry ever sees a candidate it refused.
"""

from collections.abc import Callable
from dataclasses import replace

from aios.routing.candidates import Candidate, Need
from aios.spec.vocabulary import Locality, Privacy

Objection = Callable[[Need, Candidate], str]
"""Empty: none. Else a phrase such as "capability 5 < 8"."""


def _privacy(need: Need, candidate: Candidate) -> str:
    label = need.privacy
    if label is Privacy.RESTRICTED and candidate.locality is Locality.CLOUD:
        # Said here again although such a model cannot be declared cleared: two mistakes, not one, must come together.
        return f"a Cloud model never sees {label} data"
    if not candidate.member_clearance.permits(label):
        return f"clearance of {candidate.member} is {candidate.member_clearance}, the task is {label}"
    if not candidate.model_clearance.permits(label):
        return f"clearance of model {candidate.model} is {candidate.model_clearance}, the task is {label}"
    return ""


def _capability(need: Need, candidate: Candidate) -> str:
    return "" if candidate.capability >= need.complexity else f"capability {candidate.capability} < {need.complexity}"


def _equipment(need: Need, candidate: Candidate) -> str:
    missing = [f"no tool {tool}" for tool in sorted(need.tools - candidate.tools)]
    missing += [f"may not run {command}" for command in sorted(need.commands - candidate.allow)]
    return ", ".join(missing)


def addressed(need: Need, candidate: Candidate) -> str:
    """Whether the task asks for somebody else by name or tier."""
    if need.member is not None and candidate.member != need.member:
        return f"the task is for {need.member}"
    if need.tier is not None and candidate.tier is not need.tier:
        return f"the task is for tier {need.tier}"
    return ""


def _health(need: Need, candidate: Candidate) -> str:
    del need
    return "" if candidate.healthy else "no replica runs, or its model is not Ready"


FILTERS: tuple[Objection, ...] = (_privacy, _capability, _equipment, addressed, _health)
"""In the order they are asked; the first objection is the reason that is shown."""


def objection(need: Need, candidate: Candidate) -> str:
    """The first reason why `candidate` must not or cannot do it; empty when nothing speaks against it."""
    return next((said for ask in FILTERS if (said := ask(need, candidate))), "")


def within_reach(need: Need, candidates: tuple[Candidate, ...]) -> Need:
    """`need` with a complexity by default lowered to the best capability of those who may do it otherwise."""
    if not need.by_default:
        return need
    able = [one for one in candidates if not any(ask(need, one) for ask in (_privacy, _equipment, addressed))]
    best = max((candidate.capability for candidate in able), default=need.complexity)
    return replace(need, complexity=min(need.complexity, best))


def advice(need: Need, candidates: tuple[Candidate, ...]) -> str:
    """What a person can change when everybody was refused. Looks at those the task is addressed to, and names the
    first filter that none of them passed."""
    if not candidates:
        return "the team has no member with an existing model: check the team's models"
    meant = tuple(candidate for candidate in candidates if not addressed(need, candidate))
    if not meant:
        whom = f"member {need.member}" if need.member else f"tier {need.tier}"
        return f"the team has no {whom} with an existing model: name another one in the task, or add it to the team"
    whom = need.member or (f"tier {need.tier}" if need.tier else "any member")
    for ask, remedy in ((_privacy, _more_clearance), (_capability, _more_capability), (_equipment, _more_equipment)):
        left = tuple(candidate for candidate in meant if not ask(need, candidate))
        if not left:
            return remedy(need, meant, whom)
        meant = left
    return f"no replica of {whom} runs, or its models are not Ready: scale it up, or see `aios get agents,models`"


def _more_clearance(need: Need, meant: tuple[Candidate, ...], whom: str) -> str:
    names = ", ".join(sorted({f"{candidate.member}/{candidate.model}" for candidate in meant})[:5])
    how = "a member with only Local models" if need.privacy is Privacy.RESTRICTED else "a member and its models"
    return f"no model of {whom} may see {need.privacy} data ({names} may not): give {how} clearance {need.privacy}"


def _more_capability(need: Need, meant: tuple[Candidate, ...], whom: str) -> str:
    best = max(meant, key=lambda candidate: (candidate.capability, candidate.model))
    return (
        f"complexity {need.complexity} needs capability >= {need.complexity}, and the best permitted model of {whom} "
        f"is {best.model} with {best.capability}: add a stronger model, or state a lower complexity"
    )


def _more_equipment(need: Need, meant: tuple[Candidate, ...], whom: str) -> str:
    tools = [f"{tool} in tools" for tool in sorted(need.tools)]
    commands = [f"{command} in run.allow" for command in sorted(need.commands)]
    names = ", ".join(sorted({candidate.member for candidate in meant})[:5])
    return f"the task needs {' and '.join(tools + commands)}, which no permitted one of {whom} has: add it to {names}"
