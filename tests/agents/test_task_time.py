"""The time of an attempt: what counts, what does not, and that it can neither be stopped for good nor struck twice."""

import asyncio

import pytest

from aios.agents.task_time import TaskTime

pytestmark = pytest.mark.usefixtures("skipped_time")


async def test_time_that_stands_still_is_not_counted_and_goes_on_where_it_stood() -> None:
    time = TaskTime(0.3, asyncio.Event())
    with pytest.raises(TimeoutError):
        async with time.running():
            with time.standing_still():
                await asyncio.sleep(0.6)
            assert not time.is_up
            await asyncio.sleep(0.05)
            with time.standing_still():
                await asyncio.sleep(0.6)
            before = asyncio.get_running_loop().time()
            await asyncio.sleep(5)
    left = asyncio.get_running_loop().time() - before
    assert left == pytest.approx(0.25), "what was left, and not the whole again"
    assert time.is_up
    assert time.waited == pytest.approx(1.2)


async def test_what_stands_still_within_what_stands_still_counts_once() -> None:
    time = TaskTime(5, asyncio.Event())
    async with time.running():
        with time.standing_still():
            with time.standing_still():
                await asyncio.sleep(0.1)
            await asyncio.sleep(0.1)
        assert time.waited == pytest.approx(0.2)


async def test_a_wait_that_fails_is_not_counted_either_and_the_time_runs_on() -> None:
    time = TaskTime(0.2, asyncio.Event())
    with pytest.raises(TimeoutError):
        async with time.running():
            with pytest.raises(KeyError), time.standing_still():
                raise KeyError
            await asyncio.sleep(5)


async def test_once_lifted_it_strikes_no_more_whatever_waits() -> None:
    time = TaskTime(0.1, asyncio.Event())
    async with time.running():
        time.lift()
        with time.standing_still():
            await asyncio.sleep(0)
        await asyncio.sleep(0.3)
    assert not time.is_up


async def test_when_it_has_struck_nothing_can_be_lifted_or_stand_still() -> None:
    time = TaskTime(0.05, asyncio.Event())
    with pytest.raises(TimeoutError):
        async with time.running():
            try:
                await asyncio.sleep(5)
            finally:
                with pytest.raises(TimeoutError):
                    time.lift()
                with time.standing_still():
                    pass
    assert (time.is_up, time.waited) == (True, 0.0)


async def test_a_wait_that_outlives_the_work_disturbs_nobody() -> None:
    time, left, go_on = TaskTime(5, asyncio.Event()), asyncio.Event(), asyncio.Event()

    async def straggler() -> None:
        with time.standing_still():
            left.set()
            await go_on.wait()

    async with time.running():
        waiting = asyncio.create_task(straggler())
        await left.wait()
    go_on.set()
    await waiting
    with time.standing_still():
        pass
    assert not time.is_up


@pytest.mark.parametrize(
    ("waited", "told"),
    [
        (0.4, "not finished within 10m (taskTimeout)"),
        (95.6, "not finished within 10m (taskTimeout), not counting 96 s in which its calls waited"),
    ],
)
async def test_the_message_says_what_was_not_counted(waited: float, told: str) -> None:
    time = TaskTime(600, asyncio.Event())
    time.waited = waited
    assert time.told("10m") == told


@pytest.mark.parametrize("told_before", [True, False])
async def test_who_is_told_to_stop_waits_on_the_tasks_time(told_before: bool) -> None:
    """It is killed when a task's time is over, and must not be in the middle of a call that it waited for till then."""
    stop = asyncio.Event()
    time, loop = TaskTime(0.3, stop), asyncio.get_running_loop()
    if told_before:
        stop.set()
    began = loop.time()
    with pytest.raises(TimeoutError):
        async with time.running():
            with time.standing_still():
                loop.call_later(0.1, stop.set)
                await asyncio.sleep(30)
    assert loop.time() - began == pytest.approx(0.3 if told_before else 0.4)
    assert time.is_up
