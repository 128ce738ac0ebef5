"""Agent: its member's replicas become a Worker that runs; its status says what they are doing."""

from dataclasses import dataclass

from aios.desired.build import worker_config
from aios.desired.nouns import Worker
from aios.errors import AiosError
from aios.naming import labels
from aios.ports.workloads import ObservedWorker
from aios.reconcile.activity import AgentActivity
from aios.reconcile.conditions import Finding, progressing, ready, stalled, stalled_by, to_conditions
from aios.reconcile.world import Reading, World, publish, ready_columns
from aios.spec.agent import Agent, AgentStatus
from aios.spec.base import Kind, Ref, Resource
from aios.spec.catalogue import UnresolvedError
from aios.spec.conditions import Reason
from aios.spec.rules import team_problems
from aios.spec.team import AgentTeam, Member
from aios.spec.vocabulary import AgentPhase

_REASONS = {
    "ImagePullBackOff": Reason.IMAGE_PULL_BACK_OFF,
    "ErrImagePull": Reason.IMAGE_PULL_BACK_OFF,
    "InvalidImageName": Reason.IMAGE_PULL_BACK_OFF,
    "CrashLoopBackOff": Reason.CRASH_LOOP_BACK_OFF,
    "Unschedulable": Reason.UNSCHEDULABLE,
}
"""What a world says about replicas, in our words; anything else is WORKERS_NOT_READY with the world's message."""


@dataclass(frozen=True, slots=True)
class _Seen:
    """What a status is made of."""

    agent: Agent
    member: Member | None
    observed: ObservedWorker | None
    activity: AgentActivity


async def reconcile_agent(world: World, agent: Agent, reading: Reading) -> float | None:
    """Apply the Worker and write the status. Returns when to look at its activity again."""
    if agent.metadata.deletion_timestamp is not None:
        return None
    team = await reading.get(Ref(Kind.TEAM, agent.metadata.namespace, agent.spec.team))
    member = team.spec.member(agent.spec.member) if isinstance(team, AgentTeam) else None
    worker = await _resolve(agent, team, reading)
    refused = await _apply(world, worker) if isinstance(worker, Worker) else None
    seen = _Seen(agent, member, await _observe(world, agent.ref), await world.activity(agent.ref))
    is_unheard_of = isinstance(worker, Worker) and refused is None and _is_unheard_of(seen, worker.config.digest)
    if is_unheard_of and (left := world.patience.left(agent.ref, world.clock.monotonic())) > 0:
        return left
    world.patience.end(agent.ref)
    findings = _judge(seen, worker.config.digest) if isinstance(worker, Worker) else worker
    if refused is not None:
        await _publish(world, seen, progressing(Reason.WORKERS_NOT_READY, str(refused)))
        reading.is_judged = True
        raise refused  # the queue tries again, less and less often
    await _publish(world, seen, findings)
    return world.activity_seconds if world.services_ready and agent.spec.replicas else None


async def _apply(world: World, worker: Worker) -> AiosError | None:
    """The refusal of a world that answered: a quota, a missing right, a configuration that is too large."""
    try:
        await world.workloads.apply(worker)
    except AiosError as error:
        if error.retryable:
            raise
        return error
    return None


async def forget_agent(world: World, ref: Ref) -> None:
    """The Agent is gone: stop what ran for it."""
    world.patience.end(ref)
    if await _observe(world, ref) is not None:
        await world.workloads.delete(ref.namespace, ref.name)


async def _resolve(agent: Agent, team: Resource | None, reading: Reading) -> Worker | tuple[Finding, ...]:
    """The Worker, or why none can be made of it; what ran before goes on running then."""
    if not isinstance(team, AgentTeam):
        return stalled(Reason.TEAM_NOT_FOUND, f'there is no AgentTeam "{agent.spec.team}"; delete the Agent')
    member = team.spec.member(agent.spec.member)
    if member is None:
        return stalled(Reason.MEMBER_NOT_FOUND, f'team "{agent.spec.team}" has no member "{agent.spec.member}"')
    found = await reading.closure(team)
    if problems := team_problems(team, found.get):
        return stalled_by(problems)
    try:
        return Worker(worker_config(team, member, found.get), agent.spec.replicas)
    except UnresolvedError as error:
        return stalled(error.reason, str(error))


async def _observe(world: World, ref: Ref) -> ObservedWorker | None:
    observed = await world.workloads.observe(ref.namespace, ref.name)
    return observed[0] if observed else None


def _is_unheard_of(seen: _Seen, digest: str) -> bool:
    """A new Agent whose Worker nobody has taken up yet: a status would say no more than that, and be replaced at
    once."""
    observed = seen.observed
    if seen.agent.status.conditions:
        return False
    return observed is None or not (observed.replicas or observed.reason or observed.config_digest == digest)


def _judge(seen: _Seen, digest: str) -> tuple[Finding, ...]:
    wanted, observed = seen.agent.spec.replicas, seen.observed
    if observed is None:
        return progressing(Reason.PROGRESSING, "nothing runs yet")
    if observed.reason:
        return progressing(_REASONS.get(observed.reason, Reason.WORKERS_NOT_READY), _told(observed))
    if wanted == 0:
        return ready(Reason.SCALED_TO_ZERO, "no replicas by wish; tasks for it wait in its queue")
    if observed.config_digest != digest:
        return progressing(Reason.PROGRESSING, "replicas are being replaced by ones with the new configuration")
    if observed.ready < wanted:
        counted = f"{observed.ready} of {wanted} replicas are ready"
        return progressing(Reason.WORKERS_NOT_READY, "; ".join(filter(None, [counted, observed.message])))
    return ready(Reason.RECONCILED)


def _told(observed: ObservedWorker) -> str:
    return f"{observed.reason}: {observed.message}" if observed.message else observed.reason


def _phase(seen: _Seen) -> AgentPhase:
    observed = seen.observed
    if observed is None:
        return AgentPhase.PENDING
    if observed.reason:
        return AgentPhase.DEGRADED
    if seen.agent.spec.replicas == 0 and observed.ready == 0:
        return AgentPhase.STOPPED
    if observed.ready == 0:
        return AgentPhase.STARTING
    return AgentPhase.WORKING if seen.activity.busy else AgentPhase.IDLE


async def _publish(world: World, seen: _Seen, findings: tuple[Finding, ...]) -> None:
    agent, observed, activity = seen.agent, seen.observed, seen.activity
    generation, before = agent.metadata.generation, agent.status
    conditions = to_conditions(findings, before.conditions, generation=generation, now=world.clock.now())
    ready_replicas = observed.ready if observed else 0
    status = AgentStatus(
        observed_generation=generation,
        conditions=conditions,
        phase=_phase(seen),
        tier=seen.member.tier if seen.member else before.tier,
        model=",".join(seen.member.models) if seen.member else before.model,
        replicas=observed.replicas if observed else 0,
        ready_replicas=ready_replicas,
        selector=",".join(f"{key}={value}" for key, value in labels(agent.spec.team, agent.spec.member).items()),
        ready=f"{ready_replicas}/{agent.spec.replicas}",
        busy=activity.busy,
        done=activity.done,
        tokens=activity.tokens,
        reason=ready_columns(conditions)["reason"],
    )
    await publish(world, agent, status)
