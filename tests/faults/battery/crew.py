"""The children: started, killed, frozen, counted, and started again whenever they are gone."""

import contextlib
import multiprocessing
import os
import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from multiprocessing.context import ForkServerContext, ForkServerProcess
from pathlib import Path
from random import Random

from aios.wiring.services import Services
from tests.faults.battery.aiming import Moment, hit
from tests.faults.battery.child import Place, engine, worker
from tests.faults.battery.workload import MEMBERS

ENGINE = "engine"
SKEWS = (timedelta(), timedelta(hours=-5), timedelta(days=400))


def nursery() -> ForkServerContext:
    """Processes that fork off one that has imported everything."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.faults.battery.nursery"])
    return context


@dataclass(slots=True)
class Slot:
    """One place in the crew and who has it now."""

    place: Place
    member: str
    """"" is the engine."""
    process: ForkServerProcess | None = None
    killed: bool = False
    """Whether we killed who has it now."""
    done: bool = False
    """The engine has seen every project end."""

    @property
    def is_running(self) -> bool:
        return self.process is not None and self.process.exitcode is None


@dataclass(slots=True)
class Toll:
    """Who died of what."""

    random: int = 0
    aimed: int = 0
    by_task: int = 0
    """Killed by what they worked on: poison."""
    broken: list[str] = field(default_factory=list)
    """Who ended although nobody killed it; a defect."""


class Crew:
    """One engine and every member's workers, over one folder."""

    def __init__(self, folder: Path, yaml: Path, services: Mapping[str, Services], dice: Random) -> None:
        """`services` by slot; `""` for those that are not named."""
        self._yaml, self._nursery, self.toll = yaml, nursery(), Toll()
        members = [("", 1), *MEMBERS.items()]
        names = [(f"{member or ENGINE}-{at}", member) for member, count in members for at in range(count)]
        self.slots = [
            Slot(
                Place(
                    folder=folder,
                    services=services.get(name, services[""]),
                    slot=name,
                    seed=dice.randrange(2**32),
                    skew=SKEWS[at % len(SKEWS)],
                ),
                member,
            )
            for at, (name, member) in enumerate(names)
        ]

    @property
    def workers(self) -> Sequence[Slot]:
        return self.slots[1:]

    @property
    def engine(self) -> Slot:
        return self.slots[0]

    def tend(self) -> None:
        """Note who is gone, and start who is not there."""
        for slot in self.slots:
            if slot.process is not None and slot.process.exitcode is not None:
                self._note(slot, slot.process.exitcode)
                slot.process.close()
                slot.process = None
            if slot.process is None and not slot.done:
                self._start(slot)

    def kill(self, slot: Slot) -> None:
        """kill -9, unless it has gone by itself or at its aim."""
        if slot.is_running and slot.process is not None:
            slot.killed = True
            slot.process.kill()
            slot.process.join()
        self.tend()

    def aim(self, slot: Slot, moment: Moment, number: signal.Signals = signal.SIGKILL) -> None:
        """Have it die, or with SIGSTOP freeze, at its next such moment."""
        fresh = slot.place.aim.with_suffix(".new")
        fresh.write_text(f"{number.name} {moment}", encoding="utf-8")
        fresh.replace(slot.place.aim)

    def is_aimed(self, slot: Slot) -> bool:
        return slot.place.aim.exists()

    def withdraw(self, slot: Slot) -> None:
        """It may live."""
        slot.place.aim.unlink(missing_ok=True)

    def withdraw_all(self) -> None:
        """Nobody is to die any more."""
        for slot in self.slots:
            self.withdraw(slot)

    def signal(self, slot: Slot, number: signal.Signals) -> None:
        """SIGSTOP or SIGCONT."""
        if slot.is_running and slot.process is not None and slot.process.pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(slot.process.pid, number)

    def stop(self) -> None:
        """End everybody; nothing of it is counted."""
        for slot in self.slots:
            if slot.process is not None:
                slot.process.kill()
                slot.process.join()
                slot.process.close()
                slot.process = None

    def _start(self, slot: Slot) -> None:
        slot.killed = False
        if slot.member:
            slot.process = self._nursery.Process(target=worker, args=(slot.place, slot.member))
        else:
            slot.process = self._nursery.Process(target=engine, args=(slot.place, self._yaml))
        slot.process.start()

    def _note(self, slot: Slot, code: int) -> None:
        if slot.killed:
            self.toll.random += 1
        elif code == -signal.SIGKILL and hit(slot.place.aim).exists():
            self.toll.aimed += 1
        elif code == -signal.SIGKILL:
            self.toll.by_task += 1
        elif code == 0 and not slot.member:
            slot.done = True
        else:
            self.toll.broken.append(f"{slot.place.slot} ended with {code}, see {slot.place.log}")
        hit(slot.place.aim).unlink(missing_ok=True)
