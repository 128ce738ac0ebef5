"""What the YAML says against what the store holds: the changes, and applying them.

A resource remembers which source (a path the user named) brought it in and a digest of what that said. So what
disappeared from a source is deleted with it, what other sources or `aios run` made is left alone, and applying
unchanged YAML again does not undo what a person did since (`aios cancel`, `aios retry`).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from aios.desired.build import worker_config
from aios.desired.changes import Action, Change, ChangeSet
from aios.errors import InvalidSpecError, NotFoundError
from aios.naming import ANNOTATION_RETRY, ANNOTATION_SOURCE, ANNOTATION_SOURCE_DIGEST, digest
from aios.ports.resources import AnyResource, Resources
from aios.ports.workloads import ObservedWorker
from aios.reconcile.plan import plan_changes
from aios.spec.agent import Agent
from aios.spec.base import Kind, Ref, Resource
from aios.spec.catalogue import Catalogue, Declared
from aios.spec.team import AgentTeam

DECLARABLE = (Kind.CONFIG_MAP, Kind.SECRET, Kind.MODEL, Kind.TEAM, Kind.PROJECT)


@dataclass(frozen=True, slots=True)
class SourcePlan:
    """What applying some YAML would do. `apply` is in apply order, `prune` backwards."""

    apply: tuple[Declared, ...]
    prune: tuple[Ref, ...]
    changes: ChangeSet


async def stored(resources: Resources) -> Mapping[Ref, AnyResource]:
    """Everything in the store."""
    listed = [await resources.list(kind) for kind in (*DECLARABLE, Kind.AGENT)]
    return {item.ref: item for items in listed for item in items}


def plan_sources(
    catalogue: Catalogue, existing: Mapping[Ref, AnyResource], origins: Mapping[Ref, str], sources: Iterable[str]
) -> SourcePlan:
    """Compare. `origins` says which of `sources` brought each resource in."""
    wanted = [_stamped(resource, origins[resource.ref], existing.get(resource.ref)) for resource in catalogue.resources]
    changed = tuple(resource for resource in wanted if not _same_source(resource, existing.get(resource.ref)))
    here, declared = frozenset(sources), {resource.ref for resource in wanted}
    gone = [
        ref
        for ref, item in existing.items()
        if ref.kind in DECLARABLE
        and ref not in declared
        and item.metadata.annotations.get(ANNOTATION_SOURCE) in here
        and item.metadata.deletion_timestamp is None
    ]
    prune = tuple(sorted(gone, key=lambda ref: (-DECLARABLE.index(ref.kind), ref)))
    return SourcePlan(changed, prune, _changes(catalogue, existing, changed, prune))


async def apply_sources(resources: Resources, plan: SourcePlan) -> None:
    """Write it. Each step stands by itself: after a crash the next `plan_sources` finds what is left to do."""
    for resource in plan.apply:
        await resources.apply(resource)
    for ref in plan.prune:
        await resources.delete(ref)


def _stamped(resource: Declared, origin: str, before: AnyResource | None) -> Declared:
    said = digest(resource.model_dump(mode="json", by_alias=True, exclude={"status"}))
    kept = {ANNOTATION_RETRY} & set(before.metadata.annotations) if before else set()
    annotations = {
        **resource.metadata.annotations,
        **{name: before.metadata.annotations[name] for name in kept if before},
        ANNOTATION_SOURCE: origin,
        ANNOTATION_SOURCE_DIGEST: said,
    }
    return resource.model_copy(update={"metadata": resource.metadata.model_copy(update={"annotations": annotations})})


def _same_source(resource: Resource, before: AnyResource | None) -> bool:
    if before is None or before.metadata.deletion_timestamp is not None:
        return False
    now, was = resource.metadata.annotations, before.metadata.annotations
    return all(now[name] == was.get(name) for name in (ANNOTATION_SOURCE, ANNOTATION_SOURCE_DIGEST))


def _changes(
    catalogue: Catalogue, existing: Mapping[Ref, AnyResource], changed: Sequence[Declared], prune: Sequence[Ref]
) -> ChangeSet:
    """What a person is told: the changes of what is applied, and of the agents and workers that follow from it."""
    kept = {str(resource.ref) for resource in catalogue.resources} - {str(resource.ref) for resource in changed}
    found = plan_changes(catalogue, existing, _as_if_running(existing)).changes
    doomed = [*prune, *(ref for ref, item in existing.items() if isinstance(item, Agent) and _team(item) in prune)]
    deleted = (Change(Action.DELETE, str(ref)) for ref in doomed)
    return ChangeSet.of([*(change for change in found if change.subject not in kept), *deleted])


def _as_if_running(existing: Mapping[Ref, AnyResource]) -> Mapping[tuple[str, str], ObservedWorker]:
    """The workers that what is stored stands for, running or not: resuming what was stopped changes nothing."""
    running: dict[tuple[str, str], ObservedWorker] = {}
    for ref, agent in existing.items():
        team = existing.get(_team(agent)) if isinstance(agent, Agent) else None
        member = (
            team.spec.member(agent.spec.member) if isinstance(agent, Agent) and isinstance(team, AgentTeam) else None
        )
        if not isinstance(agent, Agent) or not isinstance(team, AgentTeam) or member is None:
            continue
        try:
            digest_now = worker_config(team, member, existing.get).digest
        except (NotFoundError, InvalidSpecError):
            digest_now = ""  # what is stored is incomplete: whatever comes now is another configuration
        replicas = agent.spec.replicas
        running[ref.namespace, ref.name] = ObservedWorker(ref.namespace, ref.name, replicas, replicas, digest_now)
    return running


def _team(agent: Agent) -> Ref:
    return Ref(Kind.TEAM, agent.metadata.namespace, agent.spec.team)
