"""The queue's promises, with time that the test moves."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from hypothesis import given, settings
from hypothesis import strategies as st

from aios.reconcile.workqueue import Pace, WorkQueue

Work = Callable[[str], Awaitable[float | None]]


class ManualClock:
    """Sleepers wake when `advance` passes their moment."""

    def __init__(self) -> None:
        self.time = 0.0
        self._sleepers: list[tuple[float, asyncio.Future[None]]] = []

    def monotonic(self) -> float:
        return self.time

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.time, UTC)

    async def sleep(self, seconds: float) -> None:
        woken = asyncio.get_running_loop().create_future()
        self._sleepers.append((self.time + seconds, woken))
        await woken

    async def advance(self, seconds: float) -> None:
        """What can be done now is done; then time passes, and who slept until the new moment wakes."""
        await turns()
        self.time += seconds
        due = [woken for at, woken in self._sleepers if at <= self.time + 1e-9]
        self._sleepers = [(at, woken) for at, woken in self._sleepers if at > self.time + 1e-9]
        for woken in due:
            if not woken.done():
                woken.set_result(None)
        await turns()


async def turns() -> None:
    """Let every task that can run do so; nothing in these tests needs more turns of the loop than this."""
    for _ in range(30):
        await asyncio.sleep(0)


@asynccontextmanager
async def running(
    work: Work,
    clock: ManualClock,
    pace: Pace | None = None,
    everything: Callable[[], Awaitable[list[str]]] | None = None,
) -> AsyncIterator[WorkQueue[str]]:
    queue = WorkQueue(work, clock, pace)
    task = asyncio.create_task(queue.run(everything))
    await turns()
    yield queue
    task.cancel()
    await asyncio.wait([task])


class Gate:
    """Work that lasts until the test lets it end."""

    def __init__(self) -> None:
        self.started: list[str] = []
        self.inside: set[str] = set()
        self._ends: dict[str, asyncio.Event] = {}

    async def __call__(self, key: str) -> float | None:
        assert key not in self.inside, f"{key} runs twice at the same time"
        self.started.append(key)
        self.inside.add(key)
        await self._ends.setdefault(key, asyncio.Event()).wait()
        self._ends[key].clear()
        self.inside.discard(key)
        return None

    async def end(self, key: str) -> None:
        self._ends.setdefault(key, asyncio.Event()).set()
        await turns()


async def test_a_key_added_many_times_while_it_waits_runs_once() -> None:
    ran: list[str] = []

    async def work(key: str) -> None:
        ran.append(key)

    async with running(work, ManualClock(), Pace(workers=1)) as queue:
        for _ in range(10):
            queue.add("a")
        queue.add("b")
        await queue.settled()
    assert ran == ["a", "b"]


async def test_a_key_added_while_it_runs_runs_again_afterwards_and_never_beside_itself() -> None:
    gate = Gate()
    async with running(gate, ManualClock(), Pace(workers=3)) as queue:
        queue.add("a")
        await turns()
        for _ in range(5):
            queue.add("a")
        await turns()
        assert gate.started == ["a"]
        await gate.end("a")
        assert gate.started == ["a", "a"]
        await gate.end("a")
        assert queue.is_idle
    assert gate.started == ["a", "a"]


async def test_no_more_keys_run_at_once_than_there_are_workers() -> None:
    gate = Gate()
    async with running(gate, ManualClock(), Pace(workers=2)) as queue:
        queue.add_all(["a", "b", "c"])
        await turns()
        assert gate.inside == {"a", "b"}
        assert queue.depth == 1
        await gate.end("b")
        assert gate.inside == {"a", "c"}


async def test_failures_come_back_after_a_delay_that_doubles_up_to_a_bound_and_starts_anew_after_success() -> None:
    clock, at = ManualClock(), []
    failing = True

    async def work(_: str) -> None:
        at.append(clock.time)
        if failing:
            raise ValueError("no")

    async with running(work, clock, Pace(first_delay=1, longest_delay=4)) as queue:
        queue.add("a")
        for _ in range(16):
            await clock.advance(1)
        assert at == [0, 1, 3, 7, 11, 15]
        failing = False
        await clock.advance(4)
        assert (queue.failed, queue.worked) == (6, 1)
        failing, at[:] = True, []
        queue.add("a")
        await clock.advance(1)
        await clock.advance(1)
        assert len(at) == 2


async def test_one_keys_failure_does_not_hold_back_another() -> None:
    ran: list[str] = []

    async def work(key: str) -> None:
        ran.append(key)
        if key == "bad":
            raise ValueError("no")

    async with running(work, ManualClock(), Pace(workers=1)) as queue:
        queue.add_all(["bad", "good"])
        await queue.settled()
    assert ran == ["bad", "good"]


async def test_work_says_when_it_wants_to_be_called_again() -> None:
    clock, at = ManualClock(), []

    async def work(_: str) -> float | None:
        at.append(clock.time)
        return 5.0

    async with running(work, clock) as queue:
        queue.add("a")
        for _ in range(12):
            await clock.advance(1)
    assert at == [0, 5, 10]


async def test_the_earlier_of_two_appointments_stands() -> None:
    clock, at = ManualClock(), []

    async def work(_: str) -> None:
        at.append(clock.time)

    async with running(work, clock) as queue:
        queue.add_after("a", 9)
        queue.add_after("a", 3)
        queue.add_after("a", 6)
        for _ in range(12):
            await clock.advance(1)
    assert at == [3]


async def test_starts_are_rate_limited_after_the_burst() -> None:
    clock, ran = ManualClock(), []

    async def work(key: str) -> None:
        ran.append(key)

    async with running(work, clock, Pace(workers=1, starts_per_second=2, burst=3)) as queue:
        queue.add_all([str(number) for number in range(8)])
        await turns()
        assert len(ran) == 3
        for _ in range(4):
            await clock.advance(0.5)
        assert len(ran) == 7


async def test_what_comes_in_while_a_key_rests_is_worked_on_once_when_the_rest_is_over() -> None:
    clock, at = ManualClock(), []

    async def work(_: str) -> None:
        at.append(clock.time)

    async with running(work, clock, Pace(rest=5)) as queue:
        queue.add("a")
        await clock.advance(1)
        for _ in range(3):
            queue.add("a")
            await clock.advance(1)
        assert at == [0]
        for _ in range(4):
            await clock.advance(1)
        assert at == [0, 5]
        await clock.advance(10)
        queue.add("a")
        await turns()
        assert at == [0, 5, 18]


async def test_a_key_that_changed_while_it_ran_rests_before_it_runs_again() -> None:
    clock, gate = ManualClock(), Gate()
    async with running(gate, clock, Pace(rest=5)) as queue:
        queue.add("a")
        await turns()
        queue.add("a")
        await gate.end("a")
        assert gate.started == ["a"]
        await clock.advance(5)
        assert gate.started == ["a", "a"]


async def test_a_resync_brings_every_key_again_and_survives_a_listing_that_fails() -> None:
    clock, ran = ManualClock(), []
    answers: list[list[str] | Exception] = [["a", "b"], ValueError("no"), ["c"]]

    async def work(key: str) -> None:
        ran.append(key)

    async def everything() -> list[str]:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    async with running(work, clock, Pace(resync=100), everything):
        assert ran == ["a", "b"]
        await clock.advance(100)
        assert ran == ["a", "b"]
        await clock.advance(5)
    assert ran == ["a", "b", "c"]


async def test_a_queue_ends_though_its_work_answers_cancellation_with_a_failure() -> None:
    begun = asyncio.Event()

    async def away() -> list[str]:
        begun.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError as error:
            raise OSError("the service went away just then") from error
        return []

    async def work(_key: str) -> float | None:
        await away()
        return None

    queue = WorkQueue(work, ManualClock())
    queue.add("a")
    for everything in (None, away):
        begun.clear()
        running = asyncio.create_task(queue.run(everything))
        await begun.wait()
        running.cancel()
        await turns()
        assert running.cancelled()


async def test_how_long_the_slowest_key_has_been_running_is_known() -> None:
    clock, gate = ManualClock(), Gate()
    async with running(gate, clock) as queue:
        queue.add("slow")
        await turns()
        await clock.advance(30)
        queue.add("fast")
        await turns()
        assert queue.longest_running() == 30
        await gate.end("slow")
        assert queue.longest_running() == 0


@settings(max_examples=60)
@given(st.lists(st.sampled_from(["a", "b", "c"]), max_size=20), st.integers(1, 3))
def test_whatever_comes_in_the_last_word_on_each_key_is_acted_on(keys: list[str], workers: int) -> None:
    """Each add changes a key's version; when all is quiet, every key was last run at its last version."""

    async def scenario() -> None:
        versions: dict[str, int] = {}
        acted: dict[str, int] = {}
        inside: set[str] = set()

        async def work(key: str) -> None:
            assert key not in inside
            inside.add(key)
            seen = versions[key]
            for _ in range(len(key) + seen % 3):
                await asyncio.sleep(0)
            acted[key] = seen
            inside.discard(key)

        async with running(work, ManualClock(), Pace(workers=workers, burst=1000)) as queue:
            for number, key in enumerate(keys):
                versions[key] = number
                queue.add(key)
                if number % 2:
                    await asyncio.sleep(0)
            await queue.settled()
        assert acted == versions

    asyncio.run(scenario())
