"""Conditions as kstatus and kubectl read them."""

from datetime import UTC, datetime

from aios.reconcile.conditions import Finding, condition, holds, progressing, ready, stalled, stalled_by, to_conditions
from aios.spec.base import Condition
from aios.spec.conditions import ConditionType, Reason
from aios.spec.rules import Problem

EARLY = datetime(2026, 1, 1, 12, 0, 0, 123456, tzinfo=UTC)
LATE = datetime(2026, 1, 2, tzinfo=UTC)


def conditions(
    findings: tuple[Finding, ...], before: tuple[Condition, ...] = (), *, late: bool = False
) -> tuple[Condition, ...]:
    return to_conditions(findings, before, generation=2 if late else 1, now=LATE if late else EARLY)


def test_ready_progressing_and_stalled_exclude_each_other() -> None:
    for findings, true in (
        (ready(Reason.RECONCILED), ConditionType.READY),
        (progressing(Reason.PROGRESSING, "wait"), ConditionType.RECONCILING),
        (stalled(Reason.INVALID_SPEC, "repair"), ConditionType.STALLED),
    ):
        made = conditions(findings)
        assert [found.type for found in made if found.status == "True"] == [true]
        assert [found.type for found in made] == ["Ready", "Reconciling", "Stalled"]


def test_the_time_is_cut_to_seconds_as_kubernetes_has_it() -> None:
    made = condition(conditions(ready(Reason.RECONCILED)), ConditionType.READY)
    assert made is not None
    assert made.last_transition_time == datetime(2026, 1, 1, 12, 0, 0, tzinfo=UTC)


def test_another_reason_moves_no_time_and_a_flip_moves_its_own_only() -> None:
    before = conditions(progressing(Reason.PROGRESSING, "a"))
    same = conditions(progressing(Reason.WORKERS_NOT_READY, "b"), before, late=True)
    assert [found.last_transition_time for found in same] == [found.last_transition_time for found in before]
    assert {(found.reason, found.observed_generation) for found in same} == {("WorkersNotReady", 2)}
    flipped = conditions(ready(Reason.RECONCILED), before, late=True)
    moved = {found.type: found.last_transition_time == LATE for found in flipped}
    assert moved == {"Ready": True, "Reconciling": True, "Stalled": False}


def test_a_message_that_is_too_long_is_cut_and_says_so() -> None:
    made = condition(conditions(stalled(Reason.INVALID_SPEC, "x" * 5000)), ConditionType.READY)
    assert made is not None
    assert len(made.message) == 1024
    assert made.message.endswith("…")


def test_several_problems_make_one_sentence_and_the_first_gives_the_reason() -> None:
    problems = (Problem("spec.a", "is wrong", Reason.MODEL_NOT_FOUND), Problem("spec.b", "is wrong too"))
    made = conditions(stalled_by(problems))
    found = condition(made, ConditionType.STALLED)
    assert found is not None
    assert (found.reason, found.message) == ("ModelNotFound", "spec.a: is wrong; spec.b: is wrong too")


def test_a_condition_that_is_not_there_does_not_hold() -> None:
    assert not holds((), ConditionType.READY)
    assert condition((), ConditionType.READY) is None
