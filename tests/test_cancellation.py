"""Cancellation that a library swallows on its way."""

import asyncio

import pytest

from aios.cancellation import cancelled, heed_cancellation


async def swallowing(seconds: float = 0.01) -> None:
    """Returns as if nothing had been, as asyncio.wait_for may."""
    try:
        await asyncio.sleep(seconds)
    except asyncio.CancelledError:
        return


async def test_a_loop_that_heeds_ends_though_its_work_swallowed_the_cancellation() -> None:
    rounds = 0

    async def loop() -> None:
        nonlocal rounds
        while True:
            heed_cancellation()
            rounds += 1
            await swallowing(60)

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05), asyncio.TaskGroup() as group:
            group.create_task(loop())
    assert rounds == 1


async def test_nothing_is_raised_where_nobody_cancelled() -> None:
    heed_cancellation()


async def test_what_goes_on_after_it_was_cancelled_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aios.cancellation.PATIENCE_SECONDS", 0.01)

    async def stubborn() -> None:
        await swallowing(60)
        await swallowing(60)
        await asyncio.sleep(60)

    task = asyncio.create_task(stubborn())
    await asyncio.sleep(0)
    await cancelled(task)
    assert task.cancelled()


async def test_what_failed_before_is_nobodys_concern() -> None:
    async def broken() -> None:
        raise ValueError

    task = asyncio.create_task(broken())
    await asyncio.sleep(0)
    await cancelled(task)
    assert task.done()
