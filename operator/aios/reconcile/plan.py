"""What applying a catalogue would change: read, compare, write nothing, spend nothing.

The line that `aios up` starts with and all of `aios plan` come from here.
"""

import base64
from collections.abc import Iterable, Mapping, Sequence

from aios.desired.build import build_agents, build_workers
from aios.desired.changes import WORKER, Action, Change, ChangeSet, FieldChange
from aios.desired.compare import diff
from aios.desired.nouns import Worker
from aios.desired.ownership import wanted_replicas
from aios.naming import ANNOTATION_SOURCE
from aios.ports.resources import Resources
from aios.ports.workloads import ObservedWorker, Workloads
from aios.spec.agent import Agent
from aios.spec.base import ConfigMap, Kind, Ref, Resource, Secret
from aios.spec.catalogue import Catalogue
from aios.spec.team import AgentTeam

_KINDS = (Kind.CONFIG_MAP, Kind.SECRET, Kind.MODEL, Kind.TEAM, Kind.AGENT, Kind.PROJECT)
_DIGEST_SHOWN = 12


async def plan(
    catalogue: Catalogue, resources: Resources, workloads: Workloads | None = None, *, source: str | None = None
) -> ChangeSet:
    """The changes that applying `catalogue` would make: to resources, agents and, if `workloads` is given, workers.

    `source` (the value of the source annotation) names what the catalogue replaces: resources that carry it and are
    no longer declared are deleted. Without it nothing is deleted but agents that left their team.
    """
    namespaces = sorted({resource.metadata.namespace for resource in catalogue.resources})
    live = {item.ref: item for namespace in namespaces for item in await _observe(resources, namespace)}
    running = {
        (worker.namespace, worker.agent): worker
        for namespace in namespaces
        for worker in (await workloads.observe(namespace) if workloads is not None else ())
    }
    return plan_changes(catalogue, live, running if workloads is not None else None, source=source)


def plan_changes(
    catalogue: Catalogue,
    live: Mapping[Ref, Resource],
    running: Mapping[tuple[str, str], ObservedWorker] | None,
    *,
    source: str | None = None,
) -> ChangeSet:
    """The pure part of `plan`: `live` and `running` are what was observed; `running` None leaves workers out."""
    agents = {agent.ref: agent for team in catalogue.teams.values() for agent in _agents(team, live)}
    wanted: dict[Ref, Resource] = {**{item.ref: item for item in catalogue.resources}, **agents}
    gone = [ref for ref, item in live.items() if ref not in wanted and _is_to_go(item, catalogue, live, source)]
    changes = [change for item in wanted.values() for change in _resource_changes(item, live.get(item.ref))]
    changes += [Change(Action.DELETE, str(ref)) for ref in gone]
    if running is not None:
        changes += _worker_changes(_workers(catalogue, agents), running, gone)
    return ChangeSet.of(changes)


async def _observe(resources: Resources, namespace: str) -> Sequence[Resource]:
    return [item for kind in _KINDS for item in await resources.list(kind, namespace)]


def _agents(team: AgentTeam, live: Mapping[Ref, Resource]) -> Iterable[Agent]:
    for agent in build_agents(team):
        before = live.get(agent.ref)
        replicas = wanted_replicas(agent.spec.replicas, before if isinstance(before, Agent) else None)
        yield agent.model_copy(update={"spec": agent.spec.model_copy(update={"replicas": replicas})})


def _workers(catalogue: Catalogue, agents: Mapping[Ref, Agent]) -> Iterable[Worker]:
    replicas = {agent.metadata.name: agent.spec.replicas for agent in agents.values()}
    for team in catalogue.teams.values():
        yield from build_workers(team, catalogue.get, replicas)


def _is_to_go(item: Resource, catalogue: Catalogue, live: Mapping[Ref, Resource], source: str | None) -> bool:
    if isinstance(item, Agent):
        team = Ref(Kind.TEAM, item.metadata.namespace, item.spec.team)
        owner = live.get(team)
        return team in catalogue.teams or (owner is not None and _is_from(owner, source))
    return _is_from(item, source)


def _is_from(item: Resource, source: str | None) -> bool:
    return source is not None and item.metadata.annotations.get(ANNOTATION_SOURCE) == source


def _resource_changes(wanted: Resource, live: Resource | None) -> Iterable[Change]:
    if live is None:
        yield Change(Action.CREATE, str(wanted.ref))
    elif fields := _field_changes(live, wanted):
        yield Change(Action.UPDATE, str(wanted.ref), fields)


def _field_changes(live: Resource, wanted: Resource) -> tuple[FieldChange, ...]:
    """Defaults are filled in on both sides, so that a cluster's defaulting is no difference. A plan is printed: of a
    Secret it tells only which keys differ."""
    if isinstance(wanted, Secret) and isinstance(live, Secret):
        changes = diff(_decoded(live), _decoded(wanted), "data")
        return tuple(FieldChange(change.path, "(hidden)", "(hidden)") for change in changes)
    if isinstance(wanted, ConfigMap) and isinstance(live, ConfigMap):
        return diff(live.data, wanted.data, "data")
    return diff(_stated(live), _stated(wanted))


def _stated(resource: Resource) -> dict[str, object]:
    stated: dict[str, object] = resource.model_dump(mode="json", by_alias=True, include={"spec"})
    return stated


def _decoded(secret: Secret) -> dict[str, bytes]:
    encoded = {key: base64.b64decode(value) for key, value in secret.data.items()}
    return {**encoded, **{key: value.encode() for key, value in secret.string_data.items()}}


def _worker_changes(
    workers: Iterable[Worker], running: Mapping[tuple[str, str], ObservedWorker], gone: Sequence[Ref]
) -> list[Change]:
    changes = [change for worker in workers if (change := _worker_change(worker, running))]
    for ref in gone:
        observed = running.get((ref.namespace, ref.name)) if ref.kind is Kind.AGENT else None
        if observed is not None:
            fields = (FieldChange("replicas", observed.replicas, None),)
            changes.append(Change(Action.DELETE, f"{WORKER}/{ref.namespace}/{ref.name}", fields))
    return changes


def _worker_change(worker: Worker, running: Mapping[tuple[str, str], ObservedWorker]) -> Change | None:
    subject = f"{WORKER}/{worker.namespace}/{worker.agent}"
    after = {"replicas": worker.replicas, "config": worker.config.digest[:_DIGEST_SHOWN]}
    observed = running.get((worker.namespace, worker.agent))
    if observed is None:
        return Change(Action.CREATE, subject, diff({}, after))
    before = {"replicas": observed.replicas, "config": observed.config_digest[:_DIGEST_SHOWN]}
    fields = diff(before, after)
    return Change(Action.UPDATE, subject, fields) if fields else None
