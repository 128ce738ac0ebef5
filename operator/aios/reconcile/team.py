"""AgentTeam: its members become Agents that it owns; what members left behind goes.

A team that breaks a rule keeps the agents it had: a bad edit must not stop work that is going on.
"""

from collections.abc import Mapping, Sequence

from aios.desired.build import build_agents, build_buckets, build_queues
from aios.desired.references import agents_of
from aios.naming import engine_queue, queue_name
from aios.reconcile.conditions import Finding, holds, progressing, ready, stalled, stalled_by, to_conditions
from aios.reconcile.world import Reading, World, publish, ready_columns
from aios.spec.agent import Agent
from aios.spec.base import Ref
from aios.spec.conditions import ConditionType, Reason
from aios.spec.rules import team_problems
from aios.spec.team import AgentTeam, TeamStatus
from aios.spec.vocabulary import AgentPhase

DRAIN_SECONDS = 5.0
"""Between two looks whether the workers of a deleted team have ended."""


async def reconcile_team(world: World, team: AgentTeam, reading: Reading) -> None:
    """Make, change and remove Agents, queues and the bucket; write the status."""
    if team.metadata.deletion_timestamp is not None:
        return
    found = await reading.closure(team)
    reading.refs.update(agents_of(team))
    live = await reading.agents(team)
    if problems := team_problems(team, found.get):
        await _publish(world, team, live, stalled_by(problems))
        return
    if taken := await _taken_names(team, reading):
        await _publish(world, team, live, stalled(Reason.INVALID_SPEC, taken))
        return
    await _ensure_topology(world, team)
    shared = await world.access.ensure(team) if world.access is not None else ""
    await _apply(world, team, live)
    current = {ref.name: agent for ref in agents_of(team) if isinstance(agent := await reading.get(ref), Agent)}
    await _publish(world, team, current, _judge(team, current, shared))
    reading.is_judged = True
    # Last, for it needs the broker's administration, and nothing that works waits for it.
    await _remove_queues(world, team.ref, keep=frozenset(queue.name for queue in build_queues(team)))


async def forget_team(world: World, ref: Ref) -> float | None:
    """The team is gone, its Agents with it: let nobody in for it, and remove its queues, unless another installation
    on the same services has a team of the same name. Returns in how many seconds to try again, or None."""
    # Who finishes a task still records what its last call cost.
    is_over = world.access is None or await world.access.remove(ref)
    if world.elsewhere is None or not await world.elsewhere(ref):
        await _remove_queues(world, ref, keep=frozenset())
    return None if is_over else DRAIN_SECONDS


async def _apply(world: World, team: AgentTeam, live: Mapping[str, Agent]) -> None:
    wanted = build_agents(team)
    for agent in wanted:
        await world.resources.apply(agent)  # whoever scaled it keeps the number: the port promises that
    for name in live.keys() - {agent.metadata.name for agent in wanted}:
        await world.resources.delete(live[name].ref)


async def _ensure_topology(world: World, team: AgentTeam) -> None:
    if world.broker_admin is not None:
        await world.broker_admin.ensure_queue(engine_queue(team.metadata.namespace))
        for queue in build_queues(team):
            await world.broker_admin.ensure_queue(queue.name)
    if world.bucket_admin is not None:
        for bucket in build_buckets(team):
            await world.bucket_admin.ensure_bucket(bucket.name)


async def _remove_queues(world: World, team: Ref, *, keep: frozenset[str]) -> None:
    if world.broker_admin is None:
        return
    prefix = queue_name(team.namespace, team.name, "")
    for queue in await world.broker_admin.queues():
        if queue.startswith(prefix) and queue not in keep:
            await world.broker_admin.delete_queue(queue)


async def _taken_names(team: AgentTeam, reading: Reading) -> str:
    """Team `a` with member `b-c` and team `a-b` with member `c` would share an Agent: the first one keeps it."""
    for ref in agents_of(team):
        agent = await reading.get(ref)
        if isinstance(agent, Agent) and agent.spec.team != team.metadata.name:
            return f'{ref} belongs to team "{agent.spec.team}"; rename the team or the member'
    return ""


def _judge(team: AgentTeam, agents: Mapping[str, Agent], shared: str) -> tuple[Finding, ...]:
    """`shared`: what its workers share with others, and why."""
    missing = [agents.get(ref.name) for ref in agents_of(team)]
    unready = [agent for agent in missing if agent is None or not _is_ready(agent)]
    if not unready:
        return ready(Reason.SHARED_CREDENTIALS, shared) if shared else ready(Reason.RECONCILED)
    words = [f"{agent.metadata.name}: {agent.status.reason}" for agent in unready if agent and _is_degraded(agent)]
    counted = f"{len(missing) - len(unready)} of {len(missing)} agents are ready"
    return progressing(Reason.WORKERS_NOT_READY, "; ".join([counted, *words, *([shared] if shared else [])]))


async def _publish(world: World, team: AgentTeam, agents: Mapping[str, Agent], findings: Sequence[Finding]) -> None:
    generation = team.metadata.generation
    conditions = to_conditions(findings, team.status.conditions, generation=generation, now=world.clock.now())
    wanted = agents_of(team)
    count = sum(ref.name in agents and _is_ready(agents[ref.name]) for ref in wanted)
    status = TeamStatus(
        observed_generation=generation,
        conditions=conditions,
        agents=f"{count}/{len(wanted)}",
        **ready_columns(conditions),
    )
    await publish(world, team, status)


def _is_ready(agent: Agent) -> bool:
    current = agent.status.observed_generation == agent.metadata.generation
    return current and holds(agent.status.conditions, ConditionType.READY)


def _is_degraded(agent: Agent) -> bool:
    return agent.status.phase is AgentPhase.DEGRADED
