"""What goes on side by side: requests, bounded and answered in their order; two of which the first counts."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

A = TypeVar("A")
B = TypeVar("B")
T = TypeVar("T")

WIDTH = 16


async def in_parallel(ask: Callable[[A], Awaitable[T]], about: Iterable[A]) -> list[T]:
    """`ask` about each, WIDTH at a time. The first error is raised once the others have been cancelled and are over."""
    places = asyncio.Semaphore(WIDTH)

    async def one(what: A) -> T:
        async with places:
            return await ask(what)

    tasks = [asyncio.create_task(one(what)) for what in about]
    try:
        return await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def first_of(one: Awaitable[A], other: Awaitable[B]) -> A | B:
    """The result of whichever is ready first (`one`, if both are); the other is cancelled."""
    tasks = asyncio.ensure_future(one), asyncio.ensure_future(other)
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        return tasks[0].result() if tasks[0].done() else tasks[1].result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
