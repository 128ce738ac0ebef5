"""Who makes the next attempt after one that was not good enough, or gave no answer to go on with."""

from dataclasses import replace
from decimal import Decimal

import pytest

from aios.spec.vocabulary import ProjectPhase
from aios.tasks.result import Outcome
from aios.tasks.run_events import (
    Dispatched,
)
from tests.projects.building import task
from tests.projects.simulation import answers, simulate


@pytest.mark.parametrize("outcome", [Outcome.CHECK_FAILED, Outcome.UNUSABLE_ANSWER])
def test_what_was_not_good_enough_is_tried_again_at_once_by_a_stronger_model(outcome: Outcome) -> None:
    run = simulate(task("a"), answer=answers(outcome, Outcome.SUCCEEDED))
    run.turn()
    run.finish("a")
    run.turn()
    first, second = (event for event in run.events if isinstance(event, Dispatched))
    assert (first.model, second.model) == ("local", "strong")
    assert (first.attempt, second.attempt) == (1, 2)
    assert second.feedback == f"Attempt 1 by developer ended {outcome}: because {outcome}"
    assert run.play().phase is ProjectPhase.SUCCEEDED


def test_who_gave_no_usable_answer_is_not_asked_again_while_another_may_be() -> None:
    """Although the other is less capable."""
    run = simulate(task("a", complexity=8), answer=answers(Outcome.UNUSABLE_ANSWER, Outcome.SUCCEEDED))
    strong = [candidate for candidate in run.candidates if candidate.model == "strong"]
    run.candidates = (
        *run.candidates,
        *(replace(one, model="second", capability=8, input_price=Decimal(30)) for one in strong),
    )
    run.play()
    assert [event.model for event in run.events if isinstance(event, Dispatched)] == ["strong", "second"]


def test_an_escalated_task_never_goes_back_to_the_model_that_failed() -> None:
    run = simulate(task("a"), answer=answers(Outcome.CHECK_FAILED, Outcome.MODEL_ERROR, Outcome.SUCCEEDED))
    run.play()
    assert [event.model for event in run.events if isinstance(event, Dispatched)] == ["local", "strong", "strong"]
