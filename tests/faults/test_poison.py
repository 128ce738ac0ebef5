"""A task that kills whoever works on it is given up after five tries, and everything beside it is done all the same.
How much it slows the others is measured, not judged: `python -m tests.benchmarks poison`."""

from itertools import count
from pathlib import Path

import pytest

from aios.agents.worker import POISON_CLAIMS
from aios.tasks.result import Outcome
from tests.agents.mortal import Life
from tests.agents.stage import FakeModel, call, reply, staged
from tests.agents.test_resume import live
from tests.faults.long_form import LONG
from tests.faults.poison import Batch, Course, over_services, over_twins
from tests.faults.real_services import RealServices

BATCH = Batch(tasks=20, workers=2, poisoned=True, seconds=150)


def check(course: Course) -> None:
    assert course.succeeded == BATCH.tasks
    assert (course.claims, course.outcomes) == (POISON_CLAIMS, (Outcome.POISONED,))


SCRIPT = [reply("I write it.", call("write_file", path="a.txt", content="a")), reply("It is done.")]


@pytest.mark.timeout(120)
async def test_whatever_the_first_got_done_a_task_is_given_up_after_five_tries(tmp_path: Path) -> None:
    """The first worker dies one write later each time; all others die as soon as they have claimed."""
    for writes in count(1):
        async with staged(tmp_path / str(writes)) as stage:
            await stage.dispatch()
            await live(stage, FakeModel(SCRIPT), Life(until=writes, after=True))
            if "Ended" in await stage.kinds():
                break
            for _ in range(POISON_CLAIMS - 1):
                await stage.ring()
                await live(stage, FakeModel(SCRIPT), Life(until=1, after=True))
            await stage.ring()
            result = await stage.play(FakeModel(SCRIPT))
            kinds = await stage.kinds()
        assert (result.outcome, kinds.count("Claimed")) == (Outcome.POISONED, POISON_CLAIMS), kinds
    assert writes > 8, "it ended too early for this test to say anything"


@LONG
@pytest.mark.timeout(200)
def test_poison_on_a_laptop_is_given_up_after_five_tries_and_the_rest_is_done(tmp_path: Path) -> None:
    check(over_twins(BATCH, tmp_path))


@LONG
@pytest.mark.timeout(200)
def test_poison_over_real_services_is_given_up_after_five_tries_and_the_rest_is_done(
    tmp_path: Path, services: RealServices
) -> None:
    check(over_services(BATCH, tmp_path, services))
