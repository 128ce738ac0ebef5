"""The verdict can be guilty: each thing that must not be is put on record, and counted."""

import asyncio
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import pytest

from aios.embedded.state_folder import StateFolder
from aios.naming import bucket_name, digest, workspace_prefix
from aios.ports.journal import Record
from aios.spec.base import Part
from aios.spec.vocabulary import ProjectPhase
from aios.tasks.attempt_events import CallFinished, CallStarted, Claimed, Ended, Reply, ToolDone
from aios.tasks.result import Outcome, TaskResult
from aios.tasks.run_events import Dispatched, RunEnded, RunStarted
from aios.tasks.task import Task
from aios.wiring.ports import open_work_ports
from aios.wiring.services import Services
from aios.workspace.head import CommitIntent
from aios.workspace.manifest import EMPTY
from aios.workspace.store import Workspace
from tests.faults.battery.verdict import Verdict, judge
from tests.faults.battery.workload import POISON

RUN, TASK = "default/p0/d", "w0"
ATTEMPT = f"{RUN}/{TASK}/1"
STARTED = CallStarted(step=0, number=1, digest="d", worst_case=Decimal(1))
FINISHED = CallFinished(step=0, number=1, reply=Reply(text="Done."))
DONE = ToolDone(step=0, call_id="c", text="exit 0")


def ended(outcome: Outcome) -> Ended:
    return Ended(result=TaskResult(outcome=outcome))


GOOD = (Claimed(epoch=1, worker="w"), STARTED, FINISHED, DONE, ended(Outcome.SUCCEEDED))


@dataclass(frozen=True, slots=True)
class Scene:
    """What is on record, and what the model's and the tools' side say."""

    folder: Path
    task: str = TASK

    def judge(self, attempt: tuple[Part, ...] = GOOD, *, run_ends: bool = True, commits: int = 1) -> Verdict:
        return asyncio.run(self._judge(attempt, run_ends=run_ends, commits=commits))

    def asked(self, *keys: str) -> None:
        lines = [json.dumps({"key": key}) for key in keys]
        (self.folder / "ledger").write_text("\n".join(lines) + "\n", encoding="utf-8")

    def ran(self, at: float) -> None:
        copy = digest(f"attempts/{ATTEMPT}")[:16]
        (self.folder / "receipts").write_text(f"{copy}-1 {at}\n", encoding="utf-8")

    async def _judge(self, attempt: tuple[Part, ...], *, run_ends: bool, commits: int) -> Verdict:
        state = StateFolder(self.folder / ".aios")
        state.open()
        ports = open_work_ports(state, Services())
        try:
            run: list[Part] = [
                RunStarted(run=RUN, namespace="default", project="p0", team="crew", goal="g"),
                Dispatched(
                    task=Task(name=self.task, goal="g", instructions="i"), attempt=1, member="m", model="m", reason=""
                ),
            ]
            run += [RunEnded(phase=ProjectPhase.SUCCEEDED)] * run_ends
            for stream, events in ((f"runs/{RUN}", run), (f"attempts/{RUN}/{self.task}/1", attempt)):
                await ports.journal.append(stream, 0, [Record(event.model_dump(mode="json")) for event in events])
            await ports.bucket_admin.ensure_bucket(bucket_name("default"))
            workspace = Workspace(ports.objects(bucket_name("default")), workspace_prefix("default", "p0"))
            manifest = (await workspace.store(EMPTY)).digest
            for number in range(commits):
                await workspace.commit(
                    CommitIntent(
                        commit=f"c{number}",
                        applied_key=f"{RUN}/{self.task}",
                        base_manifest=manifest,
                        manifest=manifest,
                        author="m",
                        message=f"{self.task}: i",
                    )
                )
            return await judge(ports, ledger=self.folder / "ledger", receipts=self.folder / "receipts", kills=3)
        finally:
            await ports.close()


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    made = Scene(tmp_path)
    made.asked(f"{ATTEMPT}/0/1")
    yield made


def test_nothing_wrong_is_nothing_counted(scene: Scene) -> None:
    scene.ran(time.time() - 60)
    verdict = scene.judge()
    assert verdict == Verdict(tasks=1, kills=3)
    assert str(verdict) == "lost=0 repeated=0 in_doubt=0 double_commit=0 healthy_parked=0 tasks=1 kills=3"


def test_a_run_and_an_attempt_without_an_end_are_lost(scene: Scene) -> None:
    assert scene.judge(GOOD[:-1], run_ends=False).lost == 2


@pytest.mark.parametrize("again", [f"{ATTEMPT}/0/1", f"{ATTEMPT}/0/2", f"{ATTEMPT}/7/1"])
def test_a_request_whose_answer_is_known_or_that_nobody_announced_is_repeated(scene: Scene, again: str) -> None:
    scene.asked(f"{ATTEMPT}/0/1", again)
    assert scene.judge().repeated > 0


def test_a_command_that_runs_after_its_answer_was_recorded_is_repeated(scene: Scene) -> None:
    scene.ran(time.time() + 60)
    assert scene.judge().repeated == 1


def test_a_call_without_an_answer_is_in_doubt_and_not_repeated_when_it_is_asked_again(scene: Scene) -> None:
    scene.asked(f"{ATTEMPT}/0/1", f"{ATTEMPT}/0/2")
    again = (STARTED.model_copy(update={"number": 2}), FINISHED.model_copy(update={"number": 2}))
    assert scene.judge((*GOOD[:2], *again, *GOOD[3:])) == Verdict(in_doubt=1, tasks=1, kills=3)


def test_two_commits_of_one_task_are_a_double_commit(scene: Scene) -> None:
    assert scene.judge(commits=2).double_commit == 1


@pytest.mark.parametrize("outcome", [Outcome.POISONED, Outcome.IN_DOUBT, Outcome.DIVERGED])
def test_a_healthy_task_that_was_given_up_is_counted(scene: Scene, outcome: Outcome) -> None:
    assert scene.judge((*GOOD[:-1], ended(outcome))).healthy_parked == 1


@pytest.mark.parametrize(
    ("tries", "outcome", "wrong"), [(4, Outcome.POISONED, 0), (5, Outcome.POISONED, 1), (4, Outcome.TIMED_OUT, 1)]
)
def test_poison_must_end_as_such_within_five_tries(tmp_path: Path, tries: int, outcome: Outcome, wrong: int) -> None:
    scene = Scene(tmp_path, POISON)
    claims = [Claimed(epoch=2 + number, worker="w") for number in range(tries)]
    assert len(scene.judge((*GOOD[:-1], *claims, ended(outcome))).wrong) == wrong
