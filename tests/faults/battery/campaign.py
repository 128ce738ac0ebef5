"""One round of the battery: a fresh set of servers and work, a planned list of faults struck at the pace of the work,
processes started again as they fall, and the verdict once every project has ended or time is up."""

import asyncio
import signal
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random

from aios.embedded.state_folder import StateFolder
from aios.wiring.ports import open_work_ports
from tests.faults.battery.crew import Crew, Slot
from tests.faults.battery.plan import Fault, Kind, plan
from tests.faults.battery.servers import Servers, made, servers
from tests.faults.battery.verdict import Verdict, judge
from tests.faults.battery.workload import Workload

TICK = 0.05
AIM_SECONDS = 6.0
"""How long an aimed process may take to come to its moment, before another is aimed at."""
FREEZE_SECONDS = 9.0
"""More than a lease and the engine's patience: its attempt has a new owner when it wakes."""
PATIENCE_SECONDS = 5.0
"""Without progress for so long the next fault strikes all the same."""
CALLS_A_TASK = 2
LAST = 0.8
"""The share of the work by which the last fault has struck: what comes late may find nobody at work."""


@dataclass(frozen=True, slots=True)
class Round:
    """What one round is made of; equal rounds have equal plans. `seconds` bounds it."""

    tasks: int
    kills: int
    poisoned: int
    seed: int
    seconds: float
    broker: bool = False

    @property
    def projects(self) -> int:
        return max(3, -(-self.tasks // 20))


@dataclass(slots=True)
class Campaign:
    """A round under way."""

    crew: Crew
    servers: Servers
    dice: Random
    folder: Path
    waiting: deque[Fault] = field(default_factory=deque)
    later: list[tuple[float, Callable[[], None]]] = field(default_factory=list)
    """What is to be undone, and when."""
    struck: Counter[Kind] = field(default_factory=Counter)
    servers_killed: int = 0

    @property
    def kills(self) -> int:
        """Processes that the plan has killed by SIGKILL."""
        return self.crew.toll.random + self.crew.toll.aimed + self.servers_killed

    def fight(self, plan: Sequence[Fault], *, kills: int, calls: int, deadline: float) -> None:
        """Until the engine has seen every project end, or `deadline` by the monotonic clock. No fault strikes after
        `kills`."""
        self.waiting.extend(plan)
        last, gap, struck = time.monotonic(), 0.0, 0
        while not self.crew.engine.done and time.monotonic() < deadline:
            self.crew.tend()
            self._undo(time.monotonic())
            due = self._progress() * len(plan) >= struck * calls * LAST or time.monotonic() - last > PATIENCE_SECONDS
            if self.waiting and self.kills >= kills:
                self.waiting.clear()
                self.crew.withdraw_all()
            if self.waiting and due and time.monotonic() - last > gap:
                self._strike(self._next())
                last, gap, struck = time.monotonic(), self.dice.uniform(0.05, 0.6), struck + 1
            time.sleep(TICK)
        self._undo(float("inf"))

    def _next(self) -> Fault:
        """In the order of the plan, but an aimed kill first while fewer than a third were: many wait in vain."""
        if self.crew.toll.aimed * 3 < self.kills:
            aimed = next((fault for fault in self.waiting if fault.kind is Kind.AIM), None)
            if aimed is not None and not any(self.crew.is_aimed(slot) for slot in self.crew.slots):
                self.waiting.remove(aimed)
                return aimed
        return self.waiting.popleft()

    def _progress(self) -> int:
        """Requests at the model so far."""
        ledger = self.folder / "ledger.jsonl"
        return ledger.read_bytes().count(b"\n") if ledger.exists() else 0

    def _undo(self, now: float) -> None:
        due = [action for at, action in self.later if at <= now]
        self.later = [(at, action) for at, action in self.later if at > now]
        for action in due:
            action()

    def _after(self, seconds: float, action: Callable[[], None]) -> None:
        self.later.append((time.monotonic() + seconds, action))

    def _strike(self, fault: Fault) -> None:
        self.struck[fault.kind] += 1
        with (self.folder / "strikes.log").open("a", encoding="utf-8") as log:
            log.write(f"{time.time():.2f} {fault} {self.crew.toll}\n")
        slot = self.crew.engine if fault.engine else self.crew.workers[fault.whom % len(self.crew.workers)]
        match fault.kind:
            case Kind.KILL:
                self.crew.kill(slot)
            case Kind.AIM:
                self._aim(slot, fault)
            case Kind.FREEZE:
                self._freeze(self.crew.workers[fault.whom % len(self.crew.workers)], fault)
            case Kind.FLUSH:
                self.servers.flush_redis()
            case Kind.STALL:
                self.servers.stall_proxy(signal.SIGSTOP)
                self._after(self.dice.uniform(1, 4), lambda: self.servers.stall_proxy(signal.SIGCONT))
            case Kind.BLOCK:
                self.servers.block_broker(blocked=True)
                self._after(self.dice.uniform(2, 5), lambda: self.servers.block_broker(blocked=False))
            case Kind.KILL_REDIS | Kind.KILL_MINIO | Kind.KILL_BROKER:
                self._kill_server(fault.kind)

    def _kill_server(self, kind: Kind) -> None:
        self.servers.start_again()  # one that still lies dead from the fault before could not be killed
        self.servers_killed += 1
        if kind is Kind.KILL_REDIS:
            self.servers.kill_redis()
        elif kind is Kind.KILL_MINIO:
            self.servers.kill_minio()
        else:
            self.servers.kill_broker()
        self._after(self.dice.uniform(0.2, 3), self.servers.start_again)

    def _aim(self, slot: Slot, fault: Fault) -> None:
        """One aim a process at a time; whoever does not come to its moment is let go, and another is aimed at."""
        if self.crew.is_aimed(slot):
            self._postpone(fault)
            return
        self.crew.aim(slot, fault.moment)

        def miss() -> None:
            if self.crew.is_aimed(slot):
                self.crew.withdraw(slot)
                self._postpone(fault)

        self._after(AIM_SECONDS, miss)

    def _postpone(self, fault: Fault) -> None:
        self.waiting.append(replace(fault, whom=fault.whom + 1))

    def _freeze(self, slot: Slot, fault: Fault) -> None:
        """At a moment of its work if one comes; where it is otherwise."""
        if not self.crew.is_aimed(slot):
            self.crew.aim(slot, fault.moment, signal.SIGSTOP)
        else:
            self.crew.signal(slot, signal.SIGSTOP)

        def wake() -> None:
            self.crew.withdraw(slot)
            self.crew.signal(slot, signal.SIGCONT)

        self._after(FREEZE_SECONDS, wake)


@dataclass(frozen=True, slots=True)
class Report:
    """How a round went. The verdict's `wrong` also names processes that ended although nobody killed them."""

    verdict: Verdict
    seconds: float
    struck: dict[str, int]
    aimed: int
    by_task: int


def fight(round_: Round, folder: Path) -> Report:
    """Everything of one round, below `folder`. Raises ServerUnavailableError when a server cannot be had."""
    dice, began = Random(round_.seed), time.monotonic()
    receipts, yaml = made(folder) / "receipts", folder / "work.yaml"
    Workload(round_.projects, round_.tasks, round_.poisoned, receipts).write(yaml)
    faults = plan(round_.kills, broker=round_.broker, dice=dice)
    with servers(folder, broker=round_.broker) as running:
        crew = Crew(folder, yaml, running.services, dice)
        campaign = Campaign(crew, running, dice, folder)
        try:
            calls, deadline = CALLS_A_TASK * round_.tasks, began + round_.seconds
            campaign.fight(faults, kills=round_.kills, calls=calls, deadline=deadline)
        finally:
            crew.stop()
        running.start_again()
        verdict = asyncio.run(_judge(running, folder, campaign.kills))
    verdict = replace(verdict, wrong=(*verdict.wrong, *crew.toll.broken))
    struck = {kind.name: count for kind, count in sorted(campaign.struck.items())}
    return Report(verdict, time.monotonic() - began, struck, crew.toll.aimed, crew.toll.by_task)


async def _judge(running: Servers, folder: Path, kills: int) -> Verdict:
    ports = open_work_ports(StateFolder(folder / ".aios"), running.services[""])
    try:
        return await judge(ports, ledger=folder / "ledger.jsonl", receipts=folder / "receipts", kills=kills)
    finally:
        await ports.close()
