"""A service that is away or refuses, said in the status of the object that waits for it: whoever looks at the object
does not see the operator's log.

Only the conditions and what is shown of them change; everything else in the status stays as it was found when the
service answered. The next reconcile that succeeds replaces them. A failure is told when it is the second in a row: the
first may be no more than two who wrote at the same time, and its next try is due at once.
"""

import logging
import math
import re
from datetime import datetime
from typing import Any

from aios.errors import AiosError
from aios.reconcile.conditions import holds, progressing, to_conditions
from aios.reconcile.world import World, publish
from aios.spec.agent import Agent
from aios.spec.base import Condition, Ref
from aios.spec.conditions import ConditionType, Reason
from aios.spec.model import Model
from aios.spec.project import Project
from aios.spec.team import AgentTeam

log = logging.getLogger(__name__)

REWORDED_AFTER = 60.0
"""Seconds between two tellings about an object. Some services number their refusals, some come and go, and each write
of a status wakes the object that it is about: without a pause it would be tried, and written, all the time."""

_CREDENTIALS = re.compile(r"(?<=://)[^/\s]*@")
_TOLD_AT = 2


class Outages:
    """What fails, and what has been said of it."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._failures: dict[Ref, int] = {}
        self._told: dict[Ref, float] = {}

    async def tell(self, ref: Ref, error: AiosError) -> None:
        """The reconcile of `ref` failed. Raises nothing of ours: a status that cannot be written is logged."""
        self._failures[ref] = self._failures.get(ref, 0) + 1
        if self._failures[ref] < _TOLD_AT:
            return
        try:
            await self._publish(ref, _CREDENTIALS.sub("", str(error)))
        except AiosError as failure:
            log.info("the status of %s does not say what it waits for: %s", ref, failure)

    def over(self, ref: Ref) -> None:
        """The reconcile of `ref` succeeded, or there is nothing more to do."""
        self._failures.pop(ref, None)

    async def _publish(self, ref: Ref, message: str) -> None:
        resource = await self._world.resources.get(ref)
        if not isinstance(resource, Model | AgentTeam | Agent | Project):
            self._told.pop(ref, None)
            return
        now = self._world.clock.monotonic()
        if now < self._told.get(ref, -math.inf) + REWORDED_AFTER:
            return
        self._told[ref] = now
        said = _said(resource, message, self._world.clock.now())
        await publish(self._world, resource, resource.status.model_copy(update=said))


def _said(resource: Model | AgentTeam | Agent | Project, message: str, now: datetime) -> dict[str, Any]:
    """The fields of the status that change."""
    # Whether a model answers or replicas run is no question of our services; and routing passes over a model that is
    # found not to be Ready.
    keeps_ready = isinstance(resource, Model | Agent)
    findings = [
        finding
        for finding in progressing(Reason.SERVICE_UNAVAILABLE, message)
        if not (keeps_ready and finding.type is ConditionType.READY)
    ]
    before = resource.status.conditions
    changed = to_conditions(findings, before, generation=resource.metadata.generation, now=now)
    fields = {"conditions": _merged(before, changed), "reason": Reason.SERVICE_UNAVAILABLE.value}
    if not isinstance(resource, AgentTeam):
        return fields
    # It has been found wrong, and not been found right since: no project may take it for usable.
    unjudged = {"observed_generation": 0} if holds(before, ConditionType.STALLED) else {}
    return {**fields, **unjudged, "ready": "False"}


def _merged(before: tuple[Condition, ...], changed: tuple[Condition, ...]) -> tuple[Condition, ...]:
    """`before` with those that changed in their places; new ones last."""
    new = {one.type: one for one in changed}
    return (*(new.pop(one.type, one) for one in before), *new.values())
