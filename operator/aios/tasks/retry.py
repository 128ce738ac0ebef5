"""How long to wait before the next attempt."""

from aios.naming import digest

FIRST = 0.5
LONGEST = 60.0


def backoff_seconds(key: str, failures: int) -> float:
    """Exponential back-off with deterministic jitter: 0.5 s doubling to 60 s, times 0.75 to 1.25 by `key`.

    Deterministic, because a decision must be the same when it is taken again from the journal; jittered, so that
    tasks that failed together do not come back together (after AWS's "Exponential Backoff And Jitter", 2015).
    """
    base: float = min(LONGEST, FIRST * 2.0 ** max(0, min(failures, 32) - 1))
    spread = int(digest([key, failures])[:8], 16) / 0xFFFFFFFF
    return round(base * (0.75 + spread / 2), 3)
