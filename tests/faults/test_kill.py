"""kill -9 around port calls and at random moments: it resumes, succeeds, and repeats nothing that was recorded.

`make test` takes a spread of calls of a small project; `make faults` takes every call of it and of the demo, which
takes hours. AIOS_TEST_FAULTS=100 takes a hundred of each.
"""

import itertools
import os
import random
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.faults.killing import When
from tests.faults.verdict import Verdict, judge

ROOT = Path(__file__).parents[2]
DEPTH = os.environ.get("AIOS_TEST_FAULTS", "")
LONG = bool(DEPTH)
FULL = DEPTH == "full"
SPREAD = int(DEPTH) if LONG and not FULL else 12
"""Port calls that are killed around, evenly spread, unless all of them are."""
MOMENTS = 20 if LONG else 5


@dataclass(frozen=True, slots=True)
class Subject:
    """What is run and what its project is called."""

    yaml: Path
    project: str


SMALL = Subject(Path(__file__).parent / "scenario", "small")
DEMO = Subject(ROOT / "examples" / "02-software-team", "word-count")


@dataclass(frozen=True, slots=True)
class Ground:
    """One state folder with its ledger."""

    subject: Subject
    folder: Path

    @property
    def state(self) -> Path:
        return self.folder / ".aios"

    def start(self, when: When = When.BEFORE, at: int = 0) -> "subprocess.Popen[bytes]":
        """`aios up --once`, to be killed around its `at`-th port call."""
        arguments = (self.subject.yaml, self.state, when.value, at, self.folder / "count")
        return subprocess.Popen(
            [sys.executable, "-m", "tests.faults.child", *map(str, arguments)],
            cwd=ROOT,
            env={**os.environ, "AIOS_SCRIPTED_LEDGER": str(self.folder / "ledger.jsonl")},
            stdout=subprocess.DEVNULL,
            stderr=(self.folder / "stderr").open("ab"),
        )

    def run(self, when: When = When.BEFORE, at: int = 0) -> int:
        """The same to its end; returns the exit code, -9 when it was killed."""
        with self.start(when, at) as process:
            try:
                return process.wait(timeout=60)
            except subprocess.TimeoutExpired:
                process.kill()
                raise

    @property
    def calls(self) -> int:
        """Port calls that the run that lived to its end made."""
        return int((self.folder / "count").read_text())

    async def verdict(self) -> Verdict:
        """What is on record now."""
        return await judge(self.state, self.folder / "ledger.jsonl", namespace="default", project=self.subject.project)

    def said(self) -> str:
        """Why it may have failed."""
        return (self.folder / "stderr").read_text()[-3000:]


async def settle(ground: Ground, kills: int) -> Verdict:
    """Run to the end undisturbed and hold the promises."""
    assert ground.run() == 0, ground.said()
    verdict = await ground.verdict()
    held = Verdict(lost=0, repeated=0, unrecorded=0, in_doubt=verdict.in_doubt, double_commit=0, failed=0)
    assert verdict == held, f"{verdict}\n{ground.said()}"
    # One process holds at most one call for each replica and the planner, so a kill cuts off at most three.
    assert verdict.in_doubt <= 3 * kills
    return verdict


@pytest.fixture(scope="module")
def length(tmp_path_factory: pytest.TempPathFactory) -> int:
    """How many port calls the small project takes when nobody disturbs it."""
    return measure(SMALL, tmp_path_factory.mktemp("length"))


def measure(subject: Subject, folder: Path) -> int:
    """How many port calls an undisturbed run takes."""
    ground = Ground(subject, folder)
    assert ground.run() == 0, ground.said()
    return ground.calls


def spread(length: int) -> Iterator[tuple[When, int]]:
    """Both sides of every call, or of an even sample of them."""
    if FULL:
        yield from itertools.product(When, range(1, length + 1))
    else:
        yield from zip(itertools.cycle(When), range(1, length + 1, max(1, length // SPREAD)), strict=False)


@pytest.mark.parametrize("subject", [SMALL, DEMO] if LONG else [SMALL], ids=lambda subject: subject.project)
@pytest.mark.timeout(6 * 3600 if LONG else 400)
async def test_a_kill_around_any_port_call_loses_and_repeats_nothing(subject: Subject, tmp_path: Path) -> None:
    measured = tmp_path / "undisturbed"
    measured.mkdir()
    points = list(spread(measure(subject, measured)))
    struck = 0
    for when, at in points:
        ground = Ground(subject, tmp_path / f"{when}-{at}")
        ground.folder.mkdir()
        code = ground.run(when, at)
        assert code in {0, -signal.SIGKILL}, ground.said()
        struck += code == -signal.SIGKILL
        await settle(ground, kills=1)
        shutil.rmtree(ground.folder)
    # Polling makes the number of calls vary a little, so the last points may come too late to strike.
    assert struck >= len(points) * 2 // 3


@pytest.mark.timeout(600)
async def test_kills_at_random_moments_one_after_another_lose_and_repeat_nothing(tmp_path: Path) -> None:
    ground, dice = Ground(SMALL, tmp_path), random.Random(20261122)
    kills = 0
    for _ in range(MOMENTS):
        process = ground.start()
        try:
            code = process.wait(timeout=dice.uniform(0.4, 2.0))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            kills += 1
        else:
            assert code == 0, ground.said()
    await settle(ground, kills)
    assert kills > 0


async def test_the_local_working_folder_may_vanish_while_nobody_runs(tmp_path: Path, length: int) -> None:
    ground = Ground(SMALL, tmp_path)
    assert ground.run(When.AFTER, length // 2) == -signal.SIGKILL, ground.said()
    shutil.rmtree(ground.state / "scratch", ignore_errors=True)
    await settle(ground, kills=1)
