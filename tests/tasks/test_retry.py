"""Back-off between attempts."""

from hypothesis import given
from hypothesis import strategies as st

from aios.tasks.retry import FIRST, LONGEST, backoff_seconds


def test_it_doubles_up_to_a_minute() -> None:
    assert 0.75 * FIRST <= backoff_seconds("k", 1) <= 1.25 * FIRST
    assert 0.75 * 4 * FIRST <= backoff_seconds("k", 3) <= 1.25 * 4 * FIRST
    assert 0.75 * LONGEST <= backoff_seconds("k", 30) <= 1.25 * LONGEST


@given(st.text(), st.integers(0, 10_000))
def test_it_is_bounded_and_the_same_whenever_it_is_asked(key: str, failures: int) -> None:
    wait = backoff_seconds(key, failures)
    assert 0.75 * FIRST <= wait <= 1.25 * LONGEST
    assert wait == backoff_seconds(key, failures)


def test_tasks_that_failed_together_come_back_apart() -> None:
    assert len({backoff_seconds(f"task-{number}", 3) for number in range(50)}) > 40
