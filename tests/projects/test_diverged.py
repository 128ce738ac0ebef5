"""What a run does with an attempt whose record fits its member's configuration no longer."""

from decimal import Decimal

from aios.projects.view import AttemptLine, view_of
from aios.spec.vocabulary import ProjectPhase
from aios.tasks.result import Outcome, Spend, TaskResult
from aios.tasks.run_events import Dispatched
from tests.projects.building import build_team, task
from tests.projects.simulation import answers, simulate


def test_an_attempt_whose_record_fits_no_longer_is_followed_by_another_and_what_it_cost_stays_counted() -> None:
    diverged = TaskResult(outcome=Outcome.DIVERGED, message="it changed", spend=Spend(calls=2, cost=Decimal("0.5")))
    done = TaskResult(outcome=Outcome.SUCCEEDED, spend=Spend(calls=3, cost=Decimal("0.25")))
    run = simulate(task("a"), answer=lambda _, attempt: diverged if attempt == 1 else done)
    state = run.play()
    first, second = (event for event in run.events if isinstance(event, Dispatched))
    assert (first.attempt, second.attempt, second.model) == (1, 2, first.model), "it was nobody's bad work"
    assert (state.phase, state.spend.calls, state.spend.cost) == (ProjectPhase.SUCCEEDED, 5, Decimal("0.75"))
    (told,) = (line for line in view_of(run.events)[1] if isinstance(line, AttemptLine) and line.attempt == 1)
    assert (told.word, told.message, told.max_attempts) == ("diverged", "it changed", 3)


def test_attempts_that_diverge_again_and_again_come_to_an_end() -> None:
    run = simulate(task("a"), team=build_team(max_attempts=2), answer=answers(*[Outcome.DIVERGED] * 9))
    state = run.play()
    assert (state.phase, state.tasks["a"].attempt) == (ProjectPhase.FAILED, 2)
    assert state.tasks["a"].reason.endswith("(after 2 attempts)")
