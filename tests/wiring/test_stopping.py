"""A process that is told to stop ends, whatever its threads, its tasks or its loop are stuck in."""

import asyncio
import signal
import subprocess
import sys
import time

import pytest

from aios.wiring.stopping import GIVEN_UP, before

CODE = 77
WITHIN = 15.0
"""Seconds; what is stuck is so for 60."""
STUCK = {
    "a thread": "await asyncio.to_thread(time.sleep, 60)",
    "the loop": "time.sleep(60)",
    "a task that is not cancelled": """
    while True:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            pass""",
}
PROGRAM = """
import asyncio, os, sys, time
from aios.wiring.stopping import Stoppable

async def stuck():
    {stuck}

async def work(stop):
    task = asyncio.create_task(stuck())
    print("works", flush=True)
    await {until}
    return "done"

class Telling(Stoppable):
    def _tell(self, number, frame):
        super()._tell(number, frame)
        os.write(1, b"told\\n")

stoppable = Telling(code={code}, longest={longest})
print(stoppable.run(work), stoppable.told, stoppable.gave_up, flush=True)
sys.exit({code})
"""


def told(stuck: str, *, until: str, signals: int, longest: float | None = None) -> tuple[str, str, float]:
    """Start a process that gets stuck, tell it to stop, and give what it said and how long it took to end."""
    program = PROGRAM.format(stuck=stuck, until=until, code=CODE, longest=longest)
    command = [sys.executable, "-c", program]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            assert process.stdout.readline() == "works\n"
            process.send_signal(signal.SIGINT)
            for _ in range(1, signals):
                assert process.stdout.readline() == "told\n"  # two of a kind at once are one to the kernel
                process.send_signal(signal.SIGINT)
            began = time.monotonic()
            out, err = process.communicate(timeout=30)
            assert process.returncode == CODE, err
        finally:
            process.kill()
    return out, err, time.monotonic() - began


@pytest.mark.parametrize("stuck", STUCK)
def test_the_second_signal_ends_it(stuck: str) -> None:
    out, err, seconds = told(STUCK[stuck], until="task", signals=2)
    assert seconds < WITHIN
    assert "done" not in out
    assert GIVEN_UP in err or "None 2 True" in out


@pytest.mark.parametrize("stuck", ["a thread", "a task that is not cancelled"])
def test_what_was_told_to_stop_and_did_is_not_held_by_what_is_left(stuck: str) -> None:
    out, _, seconds = told(STUCK[stuck], until="stop.wait()", signals=1)
    assert seconds < WITHIN
    if stuck == "a thread":
        assert "done 1 False" in out, "its last word is said before the thread is given up"


def test_one_signal_is_enough_where_there_is_a_longest_time() -> None:
    _, err, seconds = told(STUCK["a thread"], until="task", signals=1, longest=0.5)
    assert seconds < WITHIN
    assert GIVEN_UP in err


async def test_work_is_given_up_its_patience_after_it_was_told_to_stop() -> None:
    stop, began = asyncio.Event(), time.monotonic()
    asyncio.get_running_loop().call_later(0.1, stop.set)
    assert not await before(stop, asyncio.sleep(60), patience=0.2)
    assert 0.25 < time.monotonic() - began < 10


async def test_work_that_is_done_in_time_is_done() -> None:
    stop = asyncio.Event()
    stop.set()
    assert await before(stop, asyncio.sleep(0), patience=5)
