"""The resources a run depends on, as last seen: what may start, and who may do it.

A cache in front of the Resources port. `update` says whether anything changed that the engine cares for, so that a
status written by somebody, ourselves included, wakes nobody.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from aios.naming import agent_name
from aios.ports.resources import AnyResource, Resources
from aios.routing.build import build_candidates
from aios.routing.candidates import Candidate
from aios.spec.agent import Agent
from aios.spec.base import Condition, Kind, Ref
from aios.spec.model import Model
from aios.spec.project import Project
from aios.spec.team import AgentTeam

WATCHED = (Kind.MODEL, Kind.TEAM, Kind.AGENT, Kind.PROJECT)


@dataclass(frozen=True, slots=True)
class Staff:
    """Who may work for a project: its team and the candidates it makes."""

    team: AgentTeam
    candidates: tuple[Candidate, ...]
    complete: bool
    """Whether every model the team names is known."""


class World:
    """What was last read of the kinds in WATCHED; other kinds are ignored."""

    def __init__(self, resources: Resources, namespaces: frozenset[str] | None) -> None:
        self._resources, self._namespaces = resources, namespaces
        self._known: dict[Ref, AnyResource] = {}

    async def load(self, kinds: Iterable[Kind] = WATCHED, namespace: str | None = None) -> None:
        """Read every object of `kinds` anew."""
        for kind in kinds:
            for resource in await self._resources.list(kind, namespace):
                if self._ours(resource.ref):
                    self._known[resource.ref] = resource

    async def update(self, ref: Ref) -> bool:
        """Read one object; whether it differs in what matters here."""
        if ref.kind not in WATCHED or not self._ours(ref):
            return False
        before, now = self._known.get(ref), await self._resources.get(ref)
        if now is None:
            return self._known.pop(ref, None) is not None
        self._known[ref] = now
        return before is None or _essence(before) != _essence(now)

    def project(self, ref: Ref) -> Project | None:
        """The Project, marked for deletion or not."""
        found = self._known.get(ref)
        return found if isinstance(found, Project) else None

    def refs(self) -> tuple[Ref, ...]:
        """Everything known."""
        return tuple(self._known)

    def projects(self) -> tuple[Ref, ...]:
        """Every Project known, sorted."""
        return tuple(sorted(ref for ref in self._known if ref.kind is Kind.PROJECT))

    def staff(self, namespace: str, team: str) -> Staff | None:
        """The team with its candidates; None while the team is unknown."""
        found = self._known.get(Ref(Kind.TEAM, namespace, team))
        if not isinstance(found, AgentTeam):
            return None
        models = [one for one in self._known.values() if isinstance(one, Model) and _in(one, namespace)]
        absent = {member.name for member in found.spec.members if self._replicas(found, member.name) == 0}
        wanted = {name for member in found.spec.members for name in member.models}
        complete = wanted <= {model.metadata.name for model in models}
        return Staff(found, build_candidates(found, models, absent=absent), complete)

    def _replicas(self, team: AgentTeam, member: str) -> int:
        """What the Agent says once it exists: whoever scales it owns the number."""
        ref = Ref(Kind.AGENT, team.metadata.namespace, agent_name(team.metadata.name, member))
        agent = self._known.get(ref)
        if isinstance(agent, Agent):
            return agent.spec.replicas
        stated = team.spec.member(member)
        return stated.replicas if stated else 0

    def _ours(self, ref: Ref) -> bool:
        return self._namespaces is None or ref.namespace in self._namespaces


def _in(resource: AnyResource, namespace: str) -> bool:
    return resource.metadata.namespace == namespace


def _essence(resource: AnyResource) -> object:
    """What of it a run can depend on. An Agent's status changes with every task; none of that matters."""
    meta = resource.metadata
    head = (meta.uid, meta.generation, meta.deletion_timestamp, dict(meta.annotations))
    match resource:
        case Agent():
            return (meta.uid, meta.generation, resource.spec)
        case Project():
            return (*head, resource.spec, runnable(resource))
        case AgentTeam() | Model():
            return (*head, resource.spec, ready(resource.status.conditions))
        case _:
            return head


def ready(conditions: tuple[Condition, ...]) -> str:
    """The Ready condition's status; "Unknown" when there is none."""
    return next((one.status for one in conditions if one.type == "Ready"), "Unknown")


def runnable(project: Project) -> bool:
    """Whether the operator has accepted this very spec, so that a new run may start."""
    return any(
        one.type == "Ready"
        and one.status == "True"
        and max(one.observed_generation, project.status.observed_generation) >= project.metadata.generation
        for one in project.status.conditions
    )
