"""What goes on side by side: bounded, in order, and none outlives the call."""

import asyncio

import pytest

from aios.parallel import WIDTH, first_of, in_parallel


async def test_answers_come_in_the_order_of_the_questions_and_never_too_many_at_once() -> None:
    under_way = most = 0

    async def ask(number: int) -> int:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(0.001 * (number % 3))
        under_way -= 1
        return number * 2

    assert await in_parallel(ask, range(5 * WIDTH)) == [number * 2 for number in range(5 * WIDTH)]
    assert most == WIDTH


@pytest.mark.parametrize("how", ["error", "cancellation"])
async def test_nothing_is_under_way_any_more_when_it_has_failed_or_was_cancelled(how: str) -> None:
    over: list[int] = []
    all_asked = asyncio.Event()

    async def ask(number: int) -> None:
        if number == 2:
            all_asked.set()
            if how == "error":
                raise LookupError(number)
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)  # whoever only cancelled it would be gone before this
            over.append(number)

    asking = asyncio.create_task(in_parallel(ask, range(3)))
    await all_asked.wait()
    if how == "cancellation":
        asking.cancel()
    with pytest.raises(LookupError if how == "error" else asyncio.CancelledError):
        await asking
    assert sorted(over) == ([0, 1] if how == "error" else [0, 1, 2])


async def test_of_two_the_first_counts_and_the_other_is_gone() -> None:
    over: list[str] = []

    async def slow() -> str:
        try:
            await asyncio.sleep(60)
        finally:
            over.append("slow")
        return "slow"

    assert await first_of(asyncio.sleep(0, "quick"), slow()) == "quick"
    assert await first_of(slow(), asyncio.sleep(0, "quick")) == "quick"
    assert over == ["slow", "slow"]
