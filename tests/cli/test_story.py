"""The words and columns a run is told in."""

from decimal import Decimal

import pytest

from aios.cli.story import Story, count, duration, first_line, money
from aios.spec.project import TaskSpec
from aios.spec.vocabulary import ProjectPhase
from aios.tasks.result import Outcome, Spend, TaskResult
from aios.tasks.run_events import (
    AnyRunEvent,
    AttemptEnded,
    Dispatched,
    EngineStarted,
    Planned,
    RetryScheduled,
    RunEnded,
    RunStarted,
    TaskSkipped,
    TimerFired,
    Waiting,
)
from aios.tasks.task import Task

STARTED = RunStarted(run="default/p/1", namespace="default", project="p", team="t", goal="g")
SPECS = (
    TaskSpec(name="make", instructions="Make it."),
    TaskSpec(name="check-it", instructions="Check it.", depends_on=("make",)),
)
PLANNED = Planned(member="boss", model="strong", tasks=SPECS)


def dispatched(attempt: int, model: str) -> Dispatched:
    task = Task(name="make", goal="g", instructions="Make it.")
    return Dispatched(at=1.0, task=task, attempt=attempt, member="dev", model=model, reason="cheapest")


def ended(attempt: int, result: TaskResult) -> AttemptEnded:
    return AttemptEnded(at=2.0, task="make", attempt=attempt, result=result)


def told(*events: AnyRunEvent) -> list[str]:
    story = Story("p", frozenset({"strong"}))
    return [said.text for event in (STARTED, *events) for said in story.tell(event)]


FAILED = TaskResult(outcome=Outcome.CHECK_FAILED, message="failed check: make test (exit 1)\nlong output")
DONE = TaskResult(
    outcome=Outcome.SUCCEEDED, files=("a", "b"), spend=Spend(calls=1, cost=Decimal("0.0104")), seconds=0.94
)


def test_a_scripted_planner_is_called_one() -> None:
    assert told(PLANNED) == ["p  planned by boss (strong, scripted): 2 tasks"]


def test_a_failed_attempt_shows_the_first_line_and_how_many_are_left() -> None:
    lines = told(PLANNED, dispatched(1, "local"), ended(1, FAILED))
    assert lines[1] == "  make       dev        local    failed check: make test (exit 1), attempt 1 of 3"


def test_a_success_after_it_shows_files_cost_time_and_why_another_model() -> None:
    again = (RetryScheduled(at=2.0, task="make", attempt=1, due=2.5), TimerFired(at=2.5, task="make", attempt=1))
    lines = told(PLANNED, dispatched(1, "local"), ended(1, FAILED), *again, dispatched(2, "strong"), ended(2, DONE))
    assert lines[2].split()[:3] == ["make", "dev", "strong"]
    assert "done   2 files   $0.010   0.9s   escalated: " in lines[2]


def test_waiting_skipping_and_the_end_are_told() -> None:
    lines = told(
        PLANNED,
        Waiting(task="make", reason="nobody may"),
        TaskSkipped(task="check-it", because="make"),
        RunEnded(at=65.0, phase=ProjectPhase.FAILED, reason="make failed"),
    )
    assert lines[1].split() == ["make", "waits:", "nobody", "may"]
    assert lines[2].split() == ["check-it", "skipped:", "make", "did", "not", "succeed"]
    assert lines[3] == "p  Failed  0/2 tasks  0 calls  free  1m05s  make failed"


def test_only_a_takeover_of_a_run_under_way_is_a_resume() -> None:
    first = EngineStarted(engine="one")
    assert told(first) == []
    assert told(first, PLANNED, EngineStarted(engine="two"))[-1] == "p  resumed at 0/2 tasks"


def test_between_the_lines_of_other_projects_a_task_names_its_own() -> None:
    done = TaskResult(outcome=Outcome.SUCCEEDED)
    story = Story("p", shared=True)
    lines = [
        said.text for event in (STARTED, PLANNED, dispatched(1, "m"), ended(1, done)) for said in story.tell(event)
    ]
    assert lines[-1].split()[:3] == ["p/make", "dev", "m"]
    assert lines[-1].index("dev") == 2 + len("p/check-it") + 3


@pytest.mark.parametrize(
    ("cost", "line"),
    [("0", "3 calls, 2 from the cache, $0.00 paid"), ("0.5", "3 calls, 2 from the cache, $0.500 paid")],
)
def test_what_the_cache_answered_is_told_apart_from_what_was_paid(cost: str, line: str) -> None:
    spend = Spend(calls=3, cached=2, cost=Decimal(cost))
    done = TaskResult(outcome=Outcome.SUCCEEDED, spend=spend)
    lines = told(PLANNED, dispatched(1, "strong"), ended(1, done), RunEnded(at=3.0, phase=ProjectPhase.SUCCEEDED))
    assert lines[1].endswith("   2 of 3 calls from the cache")
    assert lines[2] == f"p  Succeeded  1/2 tasks  {line}  3.0s"


@pytest.mark.parametrize(
    ("amount", "shown"), [("0", "free"), ("0.0001", "$0.001"), ("0.0144", "$0.014"), ("12.346", "$12.35")]
)
def test_money(amount: str, shown: str) -> None:
    assert money(Decimal(amount)) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"), [(0.04, "0.0s"), (9.94, "9.9s"), (59.4, "59s"), (185.0, "3m05s"), (7800.0, "2h10m")]
)
def test_duration(seconds: float, shown: str) -> None:
    assert duration(seconds) == shown


def test_counting_and_first_lines() -> None:
    assert (count(1, "file"), count(0, "file"), first_line("\n one \n two")) == ("1 file", "0 files", "one ")


def test_a_reason_of_several_lines_does_not_break_the_last_line() -> None:
    why = "failed check: lint\nall of its output (after 3 attempts)"
    (line,) = told(RunEnded(at=3.0, phase=ProjectPhase.FAILED, reason=why))
    assert line.endswith("  failed check: lint")


def test_what_others_say_does_not_steer_the_terminal() -> None:
    hostile = TaskResult(outcome=Outcome.MODEL_ERROR, message="no \x1b]52;c;aGk=\x07\x1b[2J\x9b2J key")
    line = told(PLANNED, dispatched(1, "local"), ended(1, hostile))[1]
    assert r"no \x1b]52;c;aGk=\x07\x1b[2J\u009b2J key" in line
