"""The one reconciler of both worlds: give it a key, it makes the world match what is stored under it.

Level-triggered and idempotent: it looks everything up anew, never trusts the event that woke it, and writes only
differences. A second call right after the first writes nothing. Different keys may run at the same time; the work
queue sees to it that one key never does.
"""

from collections.abc import Sequence

from aios.errors import AiosError, InvalidSpecError
from aios.ports.resources import AnyStatus
from aios.reconcile.agent import forget_agent, reconcile_agent
from aios.reconcile.conditions import shortened, stalled
from aios.reconcile.dependants import Dependants
from aios.reconcile.model import reconcile_model
from aios.reconcile.outages import Outages
from aios.reconcile.project import reconcile_project
from aios.reconcile.team import forget_team, reconcile_team
from aios.reconcile.world import Reading, World
from aios.spec.agent import Agent, AgentStatus
from aios.spec.base import Condition, Kind, Ref
from aios.spec.conditions import Reason
from aios.spec.model import Model, ModelStatus
from aios.spec.project import Project, ProjectStatus
from aios.spec.team import AgentTeam, TeamStatus

RECONCILED_KINDS = (Kind.MODEL, Kind.TEAM, Kind.AGENT, Kind.PROJECT)
LET_GO_SECONDS = 2.0
"""Between two looks whether what stood behind a name has ended."""


class Reconciler:
    """Turns keys into effects, and remembers who must be woken by what."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._dependants = Dependants()
        self._outages = Outages(world)

    async def reconcile(self, ref: Ref) -> float | None:
        """Bring the world in line with `ref`. Returns in how many seconds it wants to be called again, or None.

        Raises what ports raise when they do not answer, which the object's status says by then; the caller tries
        again later.
        """
        if ref.kind not in RECONCILED_KINDS:
            return None
        reading = Reading(self._world.resources)
        try:
            delay = await self._dispatch(ref, reading)
        except InvalidSpecError as error:
            await self._say_invalid(ref, str(error))
            delay = None
        except AiosError as error:
            if not reading.is_judged:
                await self._outages.tell(ref, error)
            raise
        finally:
            self._dependants.record(ref, reading.refs)
        self._outages.over(ref)
        return delay

    def affected(self, ref: Ref) -> Sequence[Ref]:
        """The keys to reconcile after `ref` was added, changed or deleted: itself, if it is ours, and its readers."""
        itself = (ref,) if ref.kind in RECONCILED_KINDS else ()
        return (*itself, *(key for key in self._dependants.of(ref) if key != ref))

    async def everything(self) -> Sequence[Ref]:
        """Every key there is or was: what a resync runs through, so that a lost event costs time and nothing else."""
        listed = [item.ref for kind in RECONCILED_KINDS for item in await self._world.resources.list(kind)]
        return tuple(dict.fromkeys((*listed, *sorted(self._dependants.known()))))

    async def _dispatch(self, ref: Ref, reading: Reading) -> float | None:
        world = self._world
        match await world.resources.get(ref):
            case Model() as model:
                await reconcile_model(world, model, reading)
            case AgentTeam() as team:
                await reconcile_team(world, team, reading)
            case Agent() as agent:
                return await reconcile_agent(world, agent, reading)
            case Project() as project:
                await reconcile_project(world, project, reading)
            case None if ref.kind is Kind.TEAM:
                draining = await forget_team(world, ref)
                return await _let_go(world, ref) or draining
            case None if ref.kind is Kind.AGENT:
                await forget_agent(world, ref)
            case None:
                return await _let_go(world, ref)
        return None

    async def _say_invalid(self, ref: Ref, message: str) -> None:
        """The stored object cannot be read by this version, its status neither: say just that, without a time, so
        that saying it again is no change."""
        conditions = tuple(
            Condition(
                type=finding.type,
                status="True" if finding.holds else "False",
                reason=finding.reason,
                message=shortened(finding.message),
            )
            for finding in stalled(Reason.INVALID_SPEC, message)
        )
        await self._world.resources.write_status(ref, _bare_status(ref.kind, conditions))


async def _let_go(world: World, ref: Ref) -> float | None:
    """In how many seconds to try again, or None."""
    return LET_GO_SECONDS if world.let_go and not await world.let_go(ref) else None


def _bare_status(kind: Kind, conditions: tuple[Condition, ...]) -> AnyStatus:
    reason = Reason.INVALID_SPEC.value
    match kind:
        case Kind.MODEL:
            return ModelStatus(conditions=conditions, reason=reason)
        case Kind.TEAM:
            return TeamStatus(conditions=conditions, reason=reason)
        case Kind.AGENT:
            return AgentStatus(conditions=conditions, reason=reason)
        case _:
            return ProjectStatus(conditions=conditions, reason=reason)
