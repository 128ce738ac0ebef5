"""The engine: drives every project's run, over ports only.

It waits for a bell, a change of a resource or a timer, then takes one turn: look, decide, journal, act. Whatever rang
twice, too late or not at all, the journal says the same, so a turn too many does nothing and a sweep every second
finds what no bell rang for. It refuses to write to a run that another engine has taken.
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence

from aios.cancellation import heed_cancellation
from aios.errors import (
    AiosError,
    InvalidSpecError,
    SequenceConflictError,
    ServiceUnavailableError,
    UnroutableError,
)
from aios.naming import engine_queue
from aios.parallel import in_parallel
from aios.ports.broker import Message
from aios.projects import dead_letters
from aios.projects.attempts import Hint
from aios.projects.desk import HANDS_OFF_SECONDS, Desk, EnginePorts, Neighbours
from aios.projects.drive import Draft, Drive
from aios.projects.fairness import fair_shares
from aios.projects.listeners import Listeners
from aios.projects.mirror import build_run_status
from aios.projects.mirror_writer import MirrorWriter
from aios.projects.world import World
from aios.spec.base import Kind, Ref
from aios.spec.project import Project

SWEEP_SECONDS = 1.0
LOOK_EVERY = 10
"""Sweeps between two looks at every attempt in flight, whoever holds it: in case a worker ended one and its last ring
was lost, and it did not let go."""
LEASE_EVERY = 3
"""Sweeps between two renewals of the leases of what is driven here."""
CLAIM_SECONDS = 2.0
"""More than a worker takes from reading its order to claiming the attempt."""

_log = logging.getLogger(__name__)

_Drafted = tuple[Drive, Draft, Project | None]
"""What is about to be done, and the Project as it was when that was decided."""


class Engine:
    """Drives the runs of all projects in `namespaces` (None: everywhere) until `run` is cancelled.

    `max_in_flight` bounds the attempts of all runs together; each run has its own bound besides.
    """

    def __init__(
        self,
        ports: EnginePorts,
        *,
        name: str,
        namespaces: frozenset[str] | None = None,
        max_in_flight: int = 100,
        sweep_seconds: float = SWEEP_SECONDS,
        hands_off_seconds: float = HANDS_OFF_SECONDS,
        neighbours: Neighbours | None = None,
    ) -> None:
        """`neighbours`: who else, with Resources of their own, uses the same journal; None: nobody does."""
        self._ports, self._name, self._namespaces = ports, name, namespaces
        self._max_in_flight, self._sweep_seconds = max_in_flight, sweep_seconds
        self._world = World(ports.resources, namespaces)
        self._desk = Desk(ports, self._world, name, hands_off_seconds=hands_off_seconds, neighbours=neighbours)
        self._mirror = MirrorWriter(ports.resources)
        self._wake = asyncio.Event()
        self._turn_lock = asyncio.Lock()
        self._dirty: set[Ref] = set()
        self._hungry: set[Ref] = set()
        """Runs that could dispatch more than there was room for."""
        self._troubled: set[Ref] = set()
        """Runs whose turn failed."""
        self._unread: set[Ref] = set()
        """What changed and could not be read since."""
        self._reading = asyncio.Lock()
        """Of two who read the same, the slower would put back what the other found."""
        self._listening = Listeners(self._hear, ports.clock.monotonic)
        self._mourning = Listeners(self._mourn, ports.clock.monotonic)
        self._last_served = ""
        self._next_sweep = 0.0
        self._sweeps = 0

    async def run(self) -> None:
        """Until cancelled. Attempts in flight go on without it; the next engine takes over where this one stopped."""
        await self._until_served(self._begin, "read the resources")
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._watch())
                group.create_task(self._look_again())
                group.create_task(self._mirror.run(self._ports.clock.sleep))
                while True:
                    heed_cancellation()
                    async with self._turn_lock:
                        await self._turn()
                    self._listen(group)
                    await self._wait()
        finally:
            await self._desk.close()

    async def forget(self, namespace: str, project: str) -> None:
        """Delete the run, attempt and mail streams of a project that was deleted with its journal. Idempotent.

        What is in flight is fenced first, and left alone for a moment: a worker that read its order before and has
        not claimed it yet must meet the fence, not an empty stream that looks like a new one.
        """
        async with self._turn_lock:
            in_flight = await self._desk.fence_all(namespace, project)
        if in_flight:
            await self._ports.clock.sleep(CLAIM_SECONDS)
        async with self._turn_lock:
            await self._desk.forget(namespace, project)

    async def _begin(self) -> None:
        await self._world.load()
        await self._desk.adopt_orphans(self._namespaces)
        self._dirty |= {*self._world.projects(), *self._desk.drives}

    async def _until_served(self, work: Callable[[], Awaitable[None]], what: str) -> None:
        while True:
            try:
                return await work()
            except (ServiceUnavailableError, UnroutableError) as error:
                heed_cancellation(error)
                _log.warning("cannot %s yet: %s", what, error)
                await self._ports.clock.sleep(self._sweep_seconds)

    async def _watch(self) -> None:
        while True:
            await self._until_served(self._read_changes, "watch the resources")
            await self._ports.clock.sleep(self._sweep_seconds)

    async def _read_changes(self) -> None:
        for ref in self._world.refs():  # what was deleted while nobody watched is in no list of what there is
            await self._see(ref)
        async for ref in self._ports.resources.changes():
            await self._see(ref)
            heed_cancellation()

    async def _look_again(self) -> None:
        """At what we were refused: no watch tells that a right came back."""

        async def look() -> None:
            for ref in sorted(self._unread):
                await self._see(ref)

        while True:
            await self._ports.clock.sleep(LOOK_EVERY * self._sweep_seconds)
            await self._until_served(look, "read what could not be read before")

    async def _see(self, ref: Ref) -> None:
        try:
            async with self._reading:
                changed = await self._world.update(ref)
        except InvalidSpecError:  # stored by a newer version; what was last read of it stays in force
            _log.exception("cannot read %s", ref)
            self._unread.discard(ref)
            return
        except (ServiceUnavailableError, UnroutableError):
            raise
        except AiosError as error:  # a right that is under repair; a store that is damaged ends those who list it
            heed_cancellation(error)
            if ref not in self._unread:
                _log.warning("cannot read %s; it stays as it was last read until that works again: %s", ref, error)
                self._unread.add(ref)
            return
        self._unread.discard(ref)
        if changed:
            concerned = self._world.projects() if ref.kind is not Kind.PROJECT else (ref,)
            self._touch(*(one for one in concerned if one.namespace == ref.namespace))
        elif self._desk.stirred(ref):
            self._touch(ref)

    def _touch(self, *refs: Ref) -> None:
        self._dirty.update(refs)
        self._wake.set()

    def _listen(self, group: asyncio.TaskGroup) -> None:
        """Have an ear at the engine queue of every namespace with a run, and at the dead letters of who works."""
        if self._turn_lock.locked():
            return  # a death is being journalled, and whoever does it may not be cancelled half way
        self._listening.attend(group, {ref.namespace for ref in self._desk.drives})
        self._mourning.attend(group, self._desk.queues())

    async def _mourn(self, queue: str) -> None:
        async def attend() -> None:
            try:
                await dead_letters.attend(self._ports.broker, queue, self._note_death)
            except UnroutableError:
                _log.info("nobody looks after the dead letters of %s until there is such a queue", queue)

        await self._until_served(attend, f"look after the dead letters of {queue}")
        await self._ports.clock.sleep(self._sweep_seconds)

    async def _note_death(self, run: str, task: str, attempt: int, queue: str) -> None:
        async with self._turn_lock:
            drive = self._desk.by_run(run)
            if drive is None:
                _log.warning("a doorbell of %s/%s, attempt %d, died in %s", run, task, attempt, queue)
                return
            try:
                await drive.bury(task, attempt, queue)
            except SequenceConflictError as error:
                self._desk.fence(drive.project, error)

    async def _hear(self, namespace: str) -> None:
        async def answer() -> None:
            async with self._ports.broker.consume(engine_queue(namespace)) as consumer:
                while True:
                    delivery = await consumer.receive()
                    if delivery is None:
                        raise ServiceUnavailableError("the consumer was closed")
                    self._rung(delivery.message)
                    # Before the turn is taken: if we die now, the next engine looks at every attempt anyway.
                    await delivery.ack()
                    heed_cancellation()

        await self._until_served(answer, f"listen at {engine_queue(namespace)}")

    def _rung(self, bell: Message) -> None:
        drive = self._desk.by_run(str(bell.body.get("run")))
        if drive is not None:
            drive.look(str(bell.body.get("task")), Hint.from_body(bell.body))
            self._touch(drive.project)

    async def _wait(self) -> None:
        """Until somebody rings or something is due."""
        pause = min([self._next_sweep - self._ports.clock.monotonic(), *self._timers().values()])
        if pause > 0 and not self._wake.is_set():
            bell, alarm = (
                asyncio.ensure_future(self._wake.wait()),
                asyncio.ensure_future(self._ports.clock.sleep(pause)),
            )
            try:
                await asyncio.wait({bell, alarm}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                bell.cancel()
                alarm.cancel()

    def _timers(self) -> dict[Ref, float]:
        """Seconds to each run's next timer. One whose turn failed waits for the next sweep, whatever is due."""
        going = {ref: drive.seconds_to_next_timer() for ref, drive in self._desk.drives.items()}
        return {ref: due for ref, due in going.items() if due is not None and ref not in self._troubled}

    async def _turn(self) -> None:
        """One look at every run that may have something to do. All drafts come first, so that what there is room for
        is shared between the runs before any of it is spent."""
        self._wake.clear()
        await self._sweep_when_due()
        due = {ref for ref, seconds in self._timers().items() if seconds == 0.0}
        refs, self._dirty = sorted(self._dirty | self._hungry | due), set()
        drafts = await self._drafts(refs)
        self._allot(drafts)
        for ref, drafted in drafts.items():
            await self._guarded(ref, self._commit(*drafted))

    async def _drafts(self, refs: Sequence[Ref]) -> Mapping[Ref, _Drafted]:
        """Side by side: after a restart every project is asked for, and the store may be far away."""
        drafts: dict[Ref, _Drafted] = {}

        async def draft(ref: Ref) -> None:
            drive, project = await self._desk.attend(ref), self._world.project(ref)
            if drive is None:
                self._mirror.forget(ref)
            else:
                drafts[ref] = (drive, await drive.draft(project, self._desk.staff(drive)), project)

        await in_parallel(lambda ref: self._guarded(ref, draft(ref)), refs)
        return {ref: drafts[ref] for ref in refs if ref in drafts}

    def _allot(self, drafts: Mapping[Ref, _Drafted]) -> None:
        """Let the drafts dispatch what there is room for, one attempt a run in turn."""
        states = {ref: drive.state for ref, drive in self._desk.drives.items()}
        states |= {ref: draft.state for ref, (_, draft, _) in drafts.items()}
        room = self._max_in_flight - sum(len(state.running) for state in states.values())
        shares = demands = {str(ref): draft.demand(exact=False) for ref, (_, draft, _) in drafts.items()}
        if sum(demands.values()) > room:
            demands = {str(ref): draft.demand(exact=True) for ref, (_, draft, _) in drafts.items()}
            shares = dict(fair_shares(demands, room, after=self._last_served))
            self._last_served = next(reversed(shares), self._last_served)
        self._hungry = {ref for ref in drafts if shares.get(str(ref), 0) < demands[str(ref)]}
        for ref, (_, draft, _) in drafts.items():
            draft.settle(shares.get(str(ref), 0))

    async def _commit(self, drive: Drive, draft: Draft, project: Project | None) -> None:
        going = drive.state.ended is None
        await drive.commit(draft)
        if project is not None:
            self._mirror.show(drive.project, project.metadata.uid, build_run_status(drive.log))
            if self._desk.put_aside(drive, project):
                self._mirror.forget(drive.project)
        if going and drive.state.ended:
            self._touch(drive.project)  # the project may have asked for another run meanwhile

    async def _sweep_when_due(self) -> None:
        now = self._ports.clock.monotonic()
        if now < self._next_sweep:
            return
        self._next_sweep, self._sweeps = now + self._sweep_seconds, self._sweeps + 1
        for ref, drive in list(self._desk.drives.items()):
            if drive.state.ended is None:
                if self._sweeps % LOOK_EVERY == 0:
                    drive.look_everywhere()
                self._dirty.add(ref)
                await self._guarded(ref, drive.sweep(self._desk.staff(drive)))
        self._dirty |= self._troubled
        self._troubled = set()
        if self._sweeps % LEASE_EVERY == 0:
            with contextlib.suppress(ServiceUnavailableError):  # a lease is a hint; the journal is the fence
                self._dirty |= set(await self._desk.keep_leases())

    async def _guarded(self, ref: Ref, work: Coroutine[None, None, None]) -> None:
        """One run's trouble is no other run's trouble."""
        try:
            await work
        except SequenceConflictError as error:
            self._desk.fence(ref, error)
        except AiosError as error:
            _log.warning("%s goes on with the next sweep: %s", ref, error)
            self._troubled.add(ref)
        except Exception:  # noqa: BLE001  # an unreadable record or a defect of ours: the other runs must go on
            _log.exception("%s stands still; trying again with the next sweep", ref)
            self._troubled.add(ref)
