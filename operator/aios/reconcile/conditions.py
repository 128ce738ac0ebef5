"""Conditions after kstatus: Ready, Reconciling, Stalled, and a kind's own, so that `kubectl wait`, Argo CD and people
read them alike.

`lastTransitionTime` moves only when a condition's status flips: a reconcile that finds nothing new writes nothing.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from aios.spec.base import Condition
from aios.spec.conditions import ConditionType, Reason
from aios.spec.rules import Problem

_LONGEST_MESSAGE = 1024


@dataclass(frozen=True, slots=True)
class Finding:
    """What a reconcile found, before it becomes a condition."""

    type: ConditionType
    holds: bool
    reason: Reason
    message: str = ""


def ready(reason: Reason, message: str = "") -> tuple[Finding, ...]:
    """All is as it should be."""
    return _three(ready=True, going=False, stuck=False, reason=reason, message=message)


def progressing(reason: Reason, message: str) -> tuple[Finding, ...]:
    """Not there yet, and it will get there by itself."""
    return _three(ready=False, going=True, stuck=False, reason=reason, message=message)


def stalled(reason: Reason, message: str) -> tuple[Finding, ...]:
    """It stays as it is until a person does what `message` says."""
    return _three(ready=False, going=False, stuck=True, reason=reason, message=message)


def stalled_by(problems: Sequence[Problem]) -> tuple[Finding, ...]:
    """Stalled for the first problem's reason; the message tells all of them."""
    return stalled(problems[0].reason, "; ".join(f"{problem.path}: {problem.message}" for problem in problems))


def to_conditions(
    findings: Iterable[Finding], before: Sequence[Condition], *, generation: int, now: datetime
) -> tuple[Condition, ...]:
    """Conditions for a status, in the order of `findings`. `now` (cut to seconds) is used only where a status flips."""
    known = {condition.type: condition for condition in before}
    return tuple(_condition(finding, known.get(finding.type), generation, now) for finding in findings)


def condition(conditions: Iterable[Condition], kind: ConditionType) -> Condition | None:
    """The condition of that type."""
    return next((found for found in conditions if found.type == kind), None)


def holds(conditions: Iterable[Condition], kind: ConditionType) -> bool:
    """Whether that condition is there and True."""
    found = condition(conditions, kind)
    return found is not None and found.status == "True"


def _condition(finding: Finding, before: Condition | None, generation: int, now: datetime) -> Condition:
    status: Literal["True", "False"] = "True" if finding.holds else "False"
    stays = before is not None and before.status == status and before.last_transition_time is not None
    return Condition(
        type=finding.type,
        status=status,
        reason=finding.reason,
        message=shortened(finding.message),
        observed_generation=generation,
        last_transition_time=before.last_transition_time if before and stays else now.replace(microsecond=0),
    )


def shortened(message: str) -> str:
    """`message` as a status can hold it: at most 1,024 characters."""
    return message if len(message) <= _LONGEST_MESSAGE else message[: _LONGEST_MESSAGE - 1] + "…"


def _three(*, ready: bool, going: bool, stuck: bool, reason: Reason, message: str) -> tuple[Finding, ...]:
    return (
        Finding(ConditionType.READY, ready, reason, message),
        Finding(ConditionType.RECONCILING, going, reason, message if going else ""),
        Finding(ConditionType.STALLED, stuck, reason, message if stuck else ""),
    )
