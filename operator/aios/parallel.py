"""Requests side by side, bounded, answered in their order."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

A = TypeVar("A")
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
