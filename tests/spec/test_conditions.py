"""Every reason is one stable word that leads to a meaning and a next step."""

import re

import pytest

from aios.spec.base import Condition
from aios.spec.conditions import ConditionType, Reason


@pytest.mark.parametrize("reason", list(Reason), ids=str)
def test_reason_says_what_it_means_and_what_to_do(reason: Reason) -> None:
    assert re.fullmatch(r"[A-Z][A-Za-z]{2,62}", reason)
    assert reason.meaning.endswith(".") and reason.what_to_do.endswith(".")
    assert Reason(str(reason)) is reason


def test_condition_types_are_those_that_kubernetes_tools_wait_for() -> None:
    assert [str(kind) for kind in ConditionType] == ["Ready", "Reconciling", "Stalled", "Complete", "Failed"]


def test_long_message_in_a_status_is_cut_and_not_refused() -> None:
    condition = Condition(type=ConditionType.READY, status="False", reason=Reason.INVALID_SPEC, message="x" * 5_000)

    assert len(condition.message) == 1_024
    assert condition.message.endswith("x...")
