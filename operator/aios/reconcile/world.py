"""What a reconcile may touch, and the one place through which it reads and tells.

Reads are remembered, so that a change of anything that was looked at, or looked for in vain, wakes the reconcile that
did. Statuses are written and events told only when something differs.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from aios.desired.references import closure
from aios.errors import InvalidSpecError
from aios.naming import LABEL_TEAM
from aios.ports.access import TeamAccess
from aios.ports.broker import BrokerAdmin
from aios.ports.clock import Clock
from aios.ports.object_store import BucketAdmin
from aios.ports.resources import AnyStatus, Resources
from aios.ports.workloads import Workloads
from aios.reconcile.activity import Activity, no_activity
from aios.reconcile.conditions import condition, holds, shortened
from aios.spec.agent import Agent
from aios.spec.base import Condition, Kind, Ref, Resource
from aios.spec.conditions import ConditionType, Reason
from aios.spec.model import Model
from aios.spec.project import Project
from aios.spec.team import AgentTeam

R = TypeVar("R", bound=Resource)

_ALARMING = frozenset(
    {
        Reason.IMAGE_PULL_BACK_OFF,
        Reason.CRASH_LOOP_BACK_OFF,
        Reason.UNSCHEDULABLE,
        Reason.SHARED_CREDENTIALS,
        Reason.SERVICE_UNAVAILABLE,
    }
)
"""Reasons by which nobody is stalled and that a person should hear of all the same."""

Cleanup = Callable[[Project], Awaitable[None]]
"""Removes a deleted project's files and journal; may be called again after it was interrupted."""


Declare = Callable[[Project], Awaitable[None]]
"""Tells other installations on the same services what the project says; raises HeldElsewhereError when one of them
says something else by its name."""


class Patience:
    """For how long new objects have been waited for, so that none is waited for too long."""

    def __init__(self, seconds: float = 30.0) -> None:
        self._seconds = seconds
        self._since: dict[Ref, float] = {}

    def left(self, ref: Ref, now: float) -> float:
        """Seconds for which `ref` may still be waited for, counted from the first question; 0 or less: none."""
        return self._since.setdefault(ref, now) + self._seconds - now

    def end(self, ref: Ref) -> None:
        """It came, or it went."""
        self._since.pop(ref, None)


@dataclass(frozen=True, slots=True)
class World:
    """The ports of a reconciler, and what it was told about its surroundings."""

    resources: Resources
    workloads: Workloads
    clock: Clock
    broker_admin: BrokerAdmin | None = None
    bucket_admin: BucketAdmin | None = None
    access: TeamAccess | None = None
    """None: workers are let in with what they find in their surroundings."""
    activity: Activity = no_activity
    cleanup: Cleanup | None = None
    declare: Declare | None = None
    elsewhere: Callable[[Ref], Awaitable[bool]] | None = None
    """Whether another installation on the same services declares a name, too."""
    let_go: Callable[[Ref], Awaitable[bool]] | None = None
    """Lets other installations use the name of what is gone; False: not yet, ask again."""
    services_ready: bool = True
    """Whether journal, broker and object store are there; without them projects wait and say so."""
    activity_seconds: float = 2.0
    """How often an agent's activity is looked at; changes of it ring no bell."""
    patience: Patience = field(default_factory=Patience)


@dataclass(slots=True)
class Reading:
    """The reads of one reconcile."""

    resources: Resources
    refs: set[Ref] = field(default_factory=set)
    is_judged: bool = False
    """The status is written; what fails afterwards is no reason to take back what it says."""

    async def get(self, ref: Ref) -> Resource | None:
        """The object, remembered as read. One whose stored spec we cannot read counts as missing here: its own
        reconcile says what is wrong with it."""
        self.refs.add(ref)
        try:
            return await self.resources.get(ref)
        except InvalidSpecError:
            return None

    async def closure(self, resource: Resource) -> Mapping[Ref, Resource | None]:
        """Everything the resource speaks of."""
        return await closure(resource, self.get)

    async def agents(self, team: AgentTeam) -> Mapping[str, Agent]:
        """The Agents that were made for `team`, by name."""
        labels = {LABEL_TEAM: team.metadata.name}
        listed = await self.resources.list(Kind.AGENT, team.metadata.namespace, labels)
        return {
            agent.metadata.name: agent
            for agent in listed
            if isinstance(agent, Agent) and agent.spec.team == team.metadata.name
        }


async def publish(world: World, resource: Model | AgentTeam | Agent | Project, status: AnyStatus) -> None:
    """Write `status` when it differs from the one `resource` was read with, and tell what a person should hear of."""
    if status == resource.status or not await world.resources.write_status(resource.ref, status):
        return
    before = condition(resource.status.conditions, ConditionType.READY)
    now = condition(status.conditions, ConditionType.READY)
    if now is None:
        return
    alarming = holds(status.conditions, ConditionType.STALLED) or now.reason in _ALARMING
    if _is_news(before, now, alarming=alarming):
        kind = "Warning" if alarming else "Normal"
        message = shortened(now.message or f"Ready is {now.status}: {now.reason}")
        await world.resources.record_event(resource.ref, kind=kind, reason=now.reason, message=message)


def _is_news(before: Condition | None, now: Condition, *, alarming: bool) -> bool:
    """Ready that flips, and each new reason that asks for somebody. A first verdict and being under way are what the
    status shows; told as well, they would bury what matters."""
    if alarming:
        return before is None or (before.status, before.reason) != (now.status, now.reason)
    return before is not None and before.status != now.status


def ready_columns(conditions: Sequence[Condition]) -> dict[str, str]:
    """The `ready` and `reason` columns of a status."""
    found = condition(conditions, ConditionType.READY)
    return {"ready": found.status, "reason": found.reason} if found else {"ready": "", "reason": ""}
