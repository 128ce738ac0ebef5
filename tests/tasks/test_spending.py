"""What an attempt used: everything that was, or may have been, charged."""

from decimal import Decimal

from aios.tasks.attempt_events import CallFinished, CallStarted, Reply, Usage
from aios.tasks.result import Spend
from aios.tasks.spending import spent

USED = Usage(input_tokens=7, output_tokens=3, cache_read_tokens=20, cache_write_tokens=10)
LIMIT = Decimal("0.5")


def _started(step: int, number: int = 1) -> CallStarted:
    return CallStarted(step=step, number=number, digest="d", worst_case=LIMIT)


def test_an_answer_counts_with_everything_the_model_read_cached_or_not() -> None:
    answered = CallFinished(step=0, number=1, reply=Reply(usage=USED), cost=Decimal("0.1"))
    assert spent([_started(0), answered]) == Spend(calls=1, input_tokens=37, output_tokens=3, cost=Decimal("0.1"))


def test_a_call_without_an_answer_is_in_doubt_at_its_worst_case() -> None:
    refused = CallFinished(step=0, number=1, error="busy", transient=True)
    assert spent([_started(0), refused, _started(0, 2)]) == Spend(in_doubt=1, cost=LIMIT)


def test_an_answer_that_was_cut_off_is_in_doubt_at_what_it_is_recorded_with() -> None:
    cut = CallFinished(step=0, number=1, error="cut", transient=True, in_doubt=True, cost=LIMIT)
    assert spent([_started(0), cut]) == Spend(in_doubt=1, cost=LIMIT)


def test_an_answer_that_was_none_counts_with_what_it_used() -> None:
    declined = CallFinished(step=0, number=1, error="declined", unusable=USED, cost=Decimal("0.2"))
    assert spent([_started(0), declined]) == Spend(calls=1, input_tokens=37, output_tokens=3, cost=Decimal("0.2"))


def test_what_the_cache_of_replies_answered_counts_as_that() -> None:
    given = CallFinished(step=0, number=1, reply=Reply(text="hi"), cached="d")
    paid = CallFinished(step=1, number=1, reply=Reply(text="hi"))
    assert spent([given, paid]) == Spend(calls=2, cached=1)
