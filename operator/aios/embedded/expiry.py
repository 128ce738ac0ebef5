"""What expires, and by which clock.

The store's clock is the machine's monotonic clock, which all processes of a host share: setting the wall clock or
sleeping over night expires nothing. It starts again when the machine does, so each row keeps how long it was to live,
and a row that would live longer than that from now is from before the start: expired.

Ask the clock within the transaction: a row that another process wrote meanwhile is then not from the future. For a
read, whose state of the database is fixed a moment after it asked, there is SLACK_SECONDS.
"""

import time
from collections.abc import Callable, Mapping

Now = Callable[[], float]
"""The store's clock, in seconds."""

Times = Mapping[str, float]
"""The parameters `now`, `expires` and `ttl` of a statement."""

now: Now = time.monotonic

COLUMNS = "expires REAL NOT NULL, ttl REAL NOT NULL"
SLACK_SECONDS = 5.0
LIVE = f"(expires > :now AND expires <= :now + ttl + {SLACK_SECONDS})"
"""SQL: the row has not expired; the parameter `now` is the store's clock."""


def until(clock: Now, ttl: float) -> Times:
    """The times of something that is to live `ttl` seconds from now. Raises ValueError unless `ttl` is positive."""
    if ttl <= 0:
        raise ValueError(f"a time to live is more than 0 seconds, not {ttl}")
    current = clock()
    return {"now": current, "expires": current + ttl, "ttl": ttl}
