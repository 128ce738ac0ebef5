"""The lines a person sees, folded from events."""

from dataclasses import replace
from decimal import Decimal

from aios.projects.view import AttemptLine, NoteLine, PlanLine, StartLine, TotalLine, follow, view_of
from aios.spec.vocabulary import ProjectPhase, TaskPhase
from aios.tasks.result import Outcome, Spend, TaskResult
from tests.projects.building import task
from tests.projects.simulation import answers, simulate


def answer(name: str, attempt: int) -> TaskResult:
    if name == "test" and attempt == 1:
        return TaskResult(outcome=Outcome.CHECK_FAILED, message="python3 -m unittest -q (exit 1)", seconds=0.5)
    return TaskResult(
        outcome=Outcome.SUCCEEDED,
        files=(f"{name}.py",),
        seconds=0.2,
        spend=Spend(calls=2, cached=1, input_tokens=10, output_tokens=5, cost=Decimal("0.004")),
    )


def test_a_failed_check_and_its_escalation_are_told_line_by_line() -> None:
    run = simulate(task("implement"), task("test", "implement"), answer=answer)
    run.play()
    view, lines = view_of(run.events)
    assert lines[0] == PlanLine("", "", 2)
    ends = [line for line in lines if isinstance(line, AttemptLine)]
    assert [(line.task, line.model, line.word, line.message, line.attempt, line.remark) for line in ends] == [
        ("implement", "local", "done", "", 1, ""),
        ("test", "local", "failed check", "python3 -m unittest -q (exit 1)", 1, ""),
        ("test", "strong", "done", "", 2, "escalated: check failed"),
    ]
    assert ends[0].files == ("implement.py",)
    assert lines[-1] == view.total
    assert view.total == TotalLine(
        ProjectPhase.SUCCEEDED, 2, 2, 4, 2, 0, 30, Decimal("0.008"), view.total.seconds, reason=""
    )


def test_rows_sum_over_attempts() -> None:
    run = simulate(task("test"), answer=answer)
    run.play()
    row = view_of(run.events)[0].rows[0]
    assert (row.phase, row.attempt, row.model, row.files) == (TaskPhase.SUCCEEDED, 2, "strong", ("test.py",))
    assert row.seconds == 0.7
    assert (row.calls, row.cached) == (2, 1)


def test_while_it_is_planned_the_planning_is_the_only_row() -> None:
    run = simulate()
    run.turn()
    view, lines = view_of(run.events)
    assert [(row.name, row.phase) for row in view.rows] == [("plan", TaskPhase.RUNNING)]
    assert isinstance(lines[-1], StartLine)


def test_a_refused_plan_a_wait_a_failure_and_a_skip_are_told() -> None:
    refused = simulate(answer=lambda *_: TaskResult(outcome=Outcome.SUCCEEDED, text="nothing"))
    refused.play()
    notes = [line for line in view_of(refused.events)[1] if isinstance(line, NoteLine)]
    assert [note.word for note in notes] == ["not accepted"] * 3 + ["failed"]
    assert notes[0].text.endswith("attempt 1 of 3")
    run = simulate(task("a"), task("b", "a"), task("c", privacy="Restricted", member="developer"))
    run.answer = answers(Outcome.POISONED)
    run.play()
    assert {(line.task, line.word) for line in view_of(run.events)[1] if isinstance(line, NoteLine)} == {
        ("a", "failed"),
        ("b", "skipped"),
        ("c", "waits"),
    }


def test_what_comes_twice_is_told_once() -> None:
    run = simulate(task("a"), answer=answer)
    run.play()
    view, lines = view_of(run.events)
    for event in run.events:
        view, more = follow(view, event)
        assert more == ()
    assert lines


def test_what_attempts_in_flight_have_used_is_in_their_rows_and_in_the_total() -> None:
    run = simulate(task("implement"), task("test", "implement"), answer=answer)
    run.turn()
    run.finish("implement")
    run.turn()
    view, _ = view_of(run.events)
    used = Spend(calls=1, in_doubt=1, input_tokens=7, cost=Decimal("1.80"))
    counted = replace(view, under_way={"test": used})
    assert [(row.calls, row.cost) for row in view.rows] == [(2, Decimal("0.004")), (0, Decimal(0))]
    assert [(row.calls, row.cost) for row in counted.rows] == [(2, Decimal("0.004")), (1, Decimal("1.80"))]
    total = counted.total
    assert (total.calls, total.in_doubt, total.tokens, total.cost) == (3, 1, 22, Decimal("1.804"))
