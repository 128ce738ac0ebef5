"""Which run of which project this engine has in hand, and when it takes one over, gives one up or leaves it alone."""

import logging
from dataclasses import dataclass
from typing import Protocol

from aios.errors import InvalidSpecError, SequenceConflictError
from aios.naming import queue_name
from aios.parallel import in_parallel
from aios.ports.broker import Broker
from aios.ports.clock import Clock
from aios.ports.journal import Journal
from aios.ports.leases import Leases
from aios.ports.resources import Resources
from aios.projects.bells import Bells
from aios.projects.drive import Drive
from aios.projects.resting import Resting, is_over, shows_end
from aios.projects.ringer import Ringer
from aios.projects.runs import forget_runs, has_ended, orphans, runs_of, unfinished_run
from aios.projects.world import Staff, World, runnable
from aios.spec.base import Kind, Ref
from aios.spec.project import Project

HANDS_OFF_SECONDS = 10.0
"""How long a run that another engine took is left to it before its lease is looked at."""

_log = logging.getLogger(__name__)


class Neighbours(Protocol):
    """Other installations on the same journal: a run whose Project is not in our Resources may be theirs."""

    async def ours(self, ref: Ref) -> bool:
        """Whether we declared the project."""
        ...

    async def elsewhere(self, ref: Ref) -> bool:
        """Whether another installation declares it."""
        ...


@dataclass(frozen=True, slots=True)
class EnginePorts:
    """Everything of the world an engine uses."""

    journal: Journal
    broker: Broker
    resources: Resources
    leases: Leases
    clock: Clock


class Desk:
    """The drives of one engine, by project."""

    def __init__(
        self,
        ports: EnginePorts,
        world: World,
        engine: str,
        *,
        hands_off_seconds: float = HANDS_OFF_SECONDS,
        neighbours: Neighbours | None = None,
    ) -> None:
        self._ports, self._world, self._engine, self._neighbours = ports, world, engine, neighbours
        self._hands_off = hands_off_seconds
        self._ringer = Ringer(ports.broker)
        self.drives: dict[Ref, Drive] = {}
        self._resting = Resting(world.project)
        self._fenced: dict[Ref, float] = {}
        self._leased: frozenset[Ref] = frozenset()
        """Whose lease we had when we last asked."""
        self._forgotten: dict[Ref, str] = {}

    def staff(self, drive: Drive) -> Staff | None:
        """Who may work for the run: the team it was started with, as it is now."""
        started = drive.state.started
        return self._world.staff(started.namespace, started.team) if started else None

    def queues(self) -> frozenset[str]:
        """The queues of all members that have attempts in flight here."""
        return frozenset(
            queue_name(started.namespace, started.team, task.member)
            for drive in self.drives.values()
            if (started := drive.state.started)
            for task in drive.state.running
        )

    def by_run(self, run: str) -> Drive | None:
        return next((drive for drive in self.drives.values() if drive.log.run == run), None)

    async def attend(self, ref: Ref) -> Drive | None:
        """The project's drive, opened or changed as its resource asks; None when there is nothing to drive."""
        project = self._world.project(ref)
        gone = project is None or project.metadata.deletion_timestamp is not None
        drive = self.drives.get(ref)
        if drive and drive.state.ended and (gone or project is None or project.run_id != drive.log.run):
            del self.drives[ref]
            drive = None
        if drive and gone and self._neighbours and await self._neighbours.elsewhere(ref):
            _log.info("%s was deleted here and goes on elsewhere", ref)
            del self.drives[ref]
            return None
        if project is None:
            self._resting.drop(ref)
        if drive or gone or project is None or not self._free(ref, project):
            return drive
        return await self._open(ref, project)

    def _free(self, ref: Ref, project: Project) -> bool:
        taken = ref in self._fenced or self._forgotten.get(ref) == project.metadata.uid
        return not taken and ref not in self._resting

    def put_aside(self, drive: Drive, project: Project) -> bool:
        """Let go of a run that has ended, once its Project shows it; whether it was so. `project`: as it was when the
        run was last steered by it, for what is wished since then must not be taken for answered."""
        run, seq = drive.log.run, drive.log.seq
        if drive.state.ended is None or project.run_id != run or not shows_end(project.status.run, run, seq):
            return False
        self._resting.put(project, run, seq)
        self.drives.pop(drive.project, None)
        return True

    def stirred(self, ref: Ref) -> bool:
        """Whether a Project's status, of which nobody is told, calls for a look: it shows the end of a run that is in
        hand here, or shows the end no longer of one that was put aside."""
        project, drive = self._world.project(ref), self.drives.get(ref)
        if project is None or drive is None:
            return self._resting.stirred(ref)
        return drive.state.ended is not None and shows_end(project.status.run, drive.log.run, drive.log.seq)

    async def _open(self, ref: Ref, project: Project) -> Drive | None:
        run = await unfinished_run(self._ports.journal, ref.namespace, ref.name)
        if run is None and await is_over(self._ports.journal, project):
            self._resting.put(project, project.run_id, project.status.run.sequence)
            return None
        drive = await self._drive(ref, run or project.run_id)
        team = drive.state.started.team if drive.state.started else project.spec.team
        staff = await self._complete_staff(ref.namespace, team)
        if drive.state.started is None and (staff is None or not runnable(project)):
            return None
        await drive.take_over(self._engine, project, staff)
        self._resting.drop(ref)
        self.drives[ref] = drive
        return drive

    async def _drive(self, ref: Ref, run: str) -> Drive:
        bells = Bells(self._ringer, self._ports.leases)
        return await Drive.open(ref, run, journal=self._ports.journal, clock=self._ports.clock, bells=bells)

    async def _complete_staff(self, namespace: str, team: str) -> Staff | None:
        """Kinds are watched apart, so a project may be seen before the models it will need: look them up once."""
        staff = self._world.staff(namespace, team)
        if staff is None or not staff.complete:
            await self._world.load((Kind.TEAM, Kind.MODEL, Kind.AGENT), namespace)
            staff = self._world.staff(namespace, team)
        return staff

    async def adopt_orphans(self, namespaces: frozenset[str] | None) -> None:
        """Take over unfinished runs whose project is gone, so that they can be cancelled; of our own only."""
        known = frozenset((ref.namespace, ref.name) for ref in self._world.projects())
        for namespace in sorted(namespaces) if namespaces is not None else [None]:
            await in_parallel(self._adopt, await orphans(self._ports.journal, namespace, known))

    async def _is_ours_alone(self, project: Ref) -> bool:
        others = self._neighbours
        return others is None or (await others.ours(project) and not await others.elsewhere(project))

    async def _adopt(self, run: str) -> None:
        ref = _project(run)
        try:
            if await self._is_there(ref):
                _log.warning("%s is left alone: its project is stored, and cannot be read by this version", run)
            elif await self._is_ours_alone(ref) and not await has_ended(self._ports.journal, run):
                drive = await self._drive(ref, run)
                await drive.take_over(self._engine, None, None)
                self.drives[ref] = drive
        except (SequenceConflictError, ValueError):  # another engine has it, or a newer version wrote it
            _log.exception("%s has no project and is left alone", run)

    async def _is_there(self, project: Ref) -> bool:
        """Listings leave out what this version cannot read, which is no reason to end its run."""
        try:
            return await self._ports.resources.get(project) is not None
        except InvalidSpecError:
            return True

    def fence(self, ref: Ref, error: SequenceConflictError) -> None:
        """Another engine wrote to the run: it is that engine's now."""
        _log.warning("another engine has the run of %s now: %s", ref, error)
        self.drives.pop(ref, None)
        self._fenced[ref] = self._ports.clock.monotonic() + self._hands_off

    async def keep_leases(self) -> tuple[Ref, ...]:
        """Say which runs are driven here, and return those another engine took and seems to have left since. Raises
        ServiceUnavailableError; then nothing has changed, and the next call asks for all of it again.

        Each project has a lease of its own, for another engine may look after one of them and not after the next.
        """
        now = self._ports.clock.monotonic()
        driven = {ref for ref, drive in self.drives.items() if not drive.state.ended}
        late = {ref for ref, until in self._fenced.items() if now >= until}
        wanted = sorted(driven | late)
        granted = await in_parallel(self._acquire, wanted)
        await in_parallel(self._release, sorted(self._leased.difference(wanted)))
        self._leased = frozenset(ref for ref, mine in zip(wanted, granted, strict=True) if mine)
        for ref in late - self._leased:
            self._fenced[ref] = now + self._hands_off
        left = sorted(late & self._leased)
        for ref in left:
            del self._fenced[ref]
        return tuple(left)

    async def _acquire(self, project: Ref) -> bool:
        return await self._ports.leases.acquire(_lease(project), self._engine, ttl=self._hands_off)

    async def _release(self, project: Ref) -> None:
        """It ended here, was let go or is another's: whoever waits for it need not wait until the lease runs out."""
        await self._ports.leases.release(_lease(project), self._engine)

    async def fence_all(self, namespace: str, project: str) -> bool:
        """Take the project out of this engine's hands, and out of any other's, and fence what is in flight; whether
        anything was."""
        ref = Ref(Kind.PROJECT, namespace, project)
        known = self._world.project(ref)
        if known is not None:
            self._forgotten[ref] = known.metadata.uid
        self.drives.pop(ref, None)
        found = False
        for run in await runs_of(self._ports.journal, namespace, project):
            drive = await self._drive(ref, run)
            found = found or bool(drive.state.running)
            await drive.take_over(self._engine, None, None)
            await drive.stop_everything("the project was deleted with its journal")
        return found

    async def forget(self, namespace: str, project: str) -> None:
        """Delete every stream of the project's runs. Call `fence_all` first, and again after an error."""
        await forget_runs(self._ports.journal, namespace, project)

    async def close(self) -> None:
        """Give up the bells that the broker has not confirmed."""
        await self._ringer.close()


def _project(run: str) -> Ref:
    namespace, name = run.split("/")[:2]
    return Ref(Kind.PROJECT, namespace, name)


def _lease(project: Ref) -> str:
    return f"engine/{project.namespace}/{project.name}"
