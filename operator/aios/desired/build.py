"""From what the user wrote to our nouns: the agents, workers, queues and buckets a team needs in any world.

Pure: what a spec refers to comes through `lookup`. It refuses to decide whether a spec is sensible (spec/rules
does) and to know manifests, processes or brokers.
"""

from collections.abc import Mapping

from aios.desired.nouns import Bucket, Queue, Worker, WorkerConfig, WorkerModel
from aios.naming import API_VERSION, LABEL_TIER, agent_name, bucket_name, labels, queue_name
from aios.spec.agent import Agent, AgentSpec
from aios.spec.base import Kind, ObjectMeta, OwnerReference, Ref
from aios.spec.catalogue import Lookup, UnresolvedError, resolve_prompt, resolve_script
from aios.spec.conditions import Reason
from aios.spec.model import Model
from aios.spec.team import AgentTeam, Member


def build_agents(team: AgentTeam) -> tuple[Agent, ...]:
    """One Agent a member, owned by the team, in the order of its members. `replicas` is the member's."""
    return tuple(_agent(team, member) for member in team.spec.members)


def worker_config(team: AgentTeam, member: Member, lookup: Lookup) -> WorkerConfig:
    """All that the member's replicas must know, with prompt and scripts resolved into place.

    Raises UnresolvedError when a model, a ConfigMap or a key is missing or a script is no script.
    """
    namespace = team.metadata.namespace
    prompt = resolve_prompt(member, namespace, lookup)
    return WorkerConfig(
        namespace=namespace,
        team=team.metadata.name,
        member=member.model_copy(update={"prompt": prompt, "prompt_from": None}),
        models=tuple(_worker_model(name, namespace, lookup) for name in member.models),
        limits=team.spec.limits,
    )


def build_workers(team: AgentTeam, lookup: Lookup, replicas: Mapping[str, int] | None = None) -> tuple[Worker, ...]:
    """The workers of all members. `replicas` (agent name to number) overrides the team's, where somebody scaled."""
    configs = [worker_config(team, member, lookup) for member in team.spec.members]
    scaled = replicas or {}
    return tuple(Worker(config, scaled.get(config.agent, config.member.replicas)) for config in configs)


def build_queues(team: AgentTeam) -> tuple[Queue, ...]:
    """One queue a member."""
    head = team.metadata
    return tuple(Queue(queue_name(head.namespace, head.name, member.name)) for member in team.spec.members)


def build_buckets(team: AgentTeam) -> tuple[Bucket, ...]:
    """Where the team's projects keep their files: one bucket a namespace."""
    return (Bucket(bucket_name(team.metadata.namespace)),)


def _agent(team: AgentTeam, member: Member) -> Agent:
    head = team.metadata
    owner = OwnerReference(api_version=API_VERSION, kind=Kind.TEAM, name=head.name, uid=head.uid)
    return Agent(
        metadata=ObjectMeta(
            name=agent_name(head.name, member.name),
            namespace=head.namespace,
            labels={**labels(head.name, member.name), LABEL_TIER: member.tier},
            owner_references=(owner,),
        ),
        spec=AgentSpec(team=head.name, member=member.name, replicas=member.replicas),
    )


def _worker_model(name: str, namespace: str, lookup: Lookup) -> WorkerModel:
    ref = Ref(Kind.MODEL, namespace, name)
    model = lookup(ref)
    if not isinstance(model, Model):
        message = f'no Model named "{name}" in namespace {namespace}; apply it or name another'
        raise UnresolvedError(message, reason=Reason.MODEL_NOT_FOUND, missing=ref)
    if model.spec.script is None and model.spec.script_from is None:
        return WorkerModel(name=name, spec=model.spec)
    script = resolve_script(model, lookup)
    return WorkerModel(name=name, spec=model.spec.model_copy(update={"script": script, "script_from": None}))
