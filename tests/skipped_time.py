"""Time that is skipped: nobody sleeps, and every number is exact, for what waits in one event loop and nowhere else."""

import asyncio
from selectors import SelectorKey

import pytest


@pytest.fixture
async def skipped_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """The loop's time passes only when everybody waits for it, and then at once. Not for tests that wait for threads,
    processes or the network too: these take no time at all then."""
    loop = asyncio.get_running_loop()
    selector = loop._selector  # type: ignore[attr-defined]  # there is no other place where a loop waits
    select, now = selector.select, loop.time()

    def skip(timeout: float | None = None) -> list[tuple[SelectorKey, int]]:
        nonlocal now
        now += timeout or 0.0
        found: list[tuple[SelectorKey, int]] = select(None if timeout is None else 0)
        return found

    monkeypatch.setattr(loop, "time", lambda: now)
    monkeypatch.setattr(selector, "select", skip)
