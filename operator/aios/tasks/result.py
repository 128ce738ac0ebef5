"""How an attempt at a task ended, and what that means for the next attempt."""

from decimal import Decimal
from enum import StrEnum

from pydantic import Field

from aios.spec.base import Part
from aios.spec.vocabulary import Privacy


class Outcome(StrEnum):
    """Every way an attempt can end."""

    SUCCEEDED = "Succeeded"
    CHECK_FAILED = "CheckFailed"
    OUTPUTS_MISSING = "OutputsMissing"
    CONFLICT = "Conflict"
    STEPS_EXHAUSTED = "StepsExhausted"
    TIMED_OUT = "TimedOut"
    MODEL_ERROR = "ModelError"
    UNUSABLE_ANSWER = "UnusableAnswer"
    """The model declined, or its answer was cut off before it called a tool."""
    ENVIRONMENT = "EnvironmentProblem"
    """Something around the worker is missing or in the way: programs it cannot start, a key it cannot read."""
    BAD_PLAN = "BadPlan"
    OUTGREW_CLEARANCE = "OutgrewClearance"
    CANCELLED = "Cancelled"
    WITHDRAWN = "Withdrawn"
    """Nobody is left who could do it: the engine took it back to give it to somebody else. Counts as no attempt."""
    DIVERGED = "Diverged"
    """What it would ask now is not what its record answers: the member's configuration or AIOS changed meanwhile."""
    POISONED = "Poisoned"
    IN_DOUBT = "InDoubt"

    @property
    def retryable(self) -> bool:
        """Whether another attempt may end better."""
        return self not in {Outcome.SUCCEEDED, Outcome.CANCELLED, Outcome.POISONED, Outcome.IN_DOUBT}

    @property
    def escalates(self) -> bool:
        """Whether a more capable model should make the next attempt: the work was not good enough, or was declined."""
        return self in {
            Outcome.CHECK_FAILED,
            Outcome.OUTPUTS_MISSING,
            Outcome.STEPS_EXHAUSTED,
            Outcome.BAD_PLAN,
            Outcome.UNUSABLE_ANSWER,
        }


class Spend(Part):
    """What model calls used. Adds up."""

    calls: int = 0
    """That were answered, by the model or by the cache of replies."""
    cached: int = 0
    """Of `calls`, those that the cache answered: no model was asked, nothing was charged."""
    in_doubt: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost: Decimal = Decimal(0)
    """USD; calls in doubt count with their worst case."""

    def __add__(self, other: "Spend") -> "Spend":
        return Spend(
            calls=self.calls + other.calls,
            cached=self.cached + other.cached,
            in_doubt=self.in_doubt + other.in_doubt,
            input_tokens=self.input_tokens + other.input_tokens,
            output_tokens=self.output_tokens + other.output_tokens,
            cost=self.cost + other.cost,
        )


class TaskResult(Part):
    """The end of an attempt. Lives in the attempt's stream; the run's stream copies it."""

    outcome: Outcome
    message: str = ""
    text: str = ""
    """The agent's last words, at most 16 KiB; for a Plan the plan's JSON."""
    files: tuple[str, ...] = ()
    """Paths the task added or changed, sorted, at most 1,000."""
    commit: str = ""
    privacy: Privacy = Privacy.PUBLIC
    """The strictest label the attempt's data had in the end."""
    spend: Spend = Field(default_factory=Spend)
    seconds: float = 0.0
