"""Every record comes back from the journal's JSON as it was written."""

import json
from decimal import Decimal

import pytest

from aios.spec.vocabulary import ProjectPhase
from aios.tasks.attempt_events import ATTEMPT_EVENT, CallStarted, Ended
from aios.tasks.result import Outcome, Spend, TaskResult
from aios.tasks.run_events import (
    RUN_EVENT,
    AnyRunEvent,
    AttemptEnded,
    CancelRequested,
    Dispatched,
    RejectedCandidate,
    RunStarted,
)
from aios.tasks.task import Task

RESULT = TaskResult(outcome=Outcome.SUCCEEDED, spend=Spend(cost=Decimal("0.000004")), files=("a.py",))


@pytest.mark.parametrize(
    "event",
    [
        RunStarted(run="r", namespace="n", project="p", team="t", goal="g", inputs={"a_b": "c"}),
        Dispatched(
            task=Task(name="a", goal="g", instructions="i", check=("python3",)),
            attempt=1,
            member="m",
            model="l",
            reason="free",
            rejected=(RejectedCandidate(member="m", model="s", reason="dearer"),),
        ),
        AttemptEnded(at=1.5, task="a", attempt=1, result=RESULT),
        CancelRequested(reason="too long", ends=ProjectPhase.FAILED),
    ],
)
def test_run_events_survive_the_journal(event: AnyRunEvent) -> None:
    assert RUN_EVENT.validate_python(json.loads(json.dumps(event.model_dump(mode="json", by_alias=True)))) == event


def test_money_in_attempt_events_is_never_a_float() -> None:
    for event in (Ended(result=RESULT), CallStarted(step=0, number=1, digest="d", worst_case=Decimal("0.1"))):
        text = json.dumps(event.model_dump(mode="json", by_alias=True))
        assert ATTEMPT_EVENT.validate_python(json.loads(text)) == event
    assert '"0.000004"' in json.dumps(RESULT.model_dump(mode="json", by_alias=True))


def test_spend_adds_up() -> None:
    one = Spend(calls=1, cached=1, in_doubt=1, input_tokens=2, output_tokens=3, cost=Decimal("0.1"))
    assert one + one == Spend(calls=2, cached=2, in_doubt=2, input_tokens=4, output_tokens=6, cost=Decimal("0.2"))
