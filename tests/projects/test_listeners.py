"""Listeners are given back when what they listen at is of no interest any more."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from aios.projects import listeners
from aios.projects.listeners import KEPT_SECONDS, Listeners


class Stage:
    """Who listens now, and how often anybody began."""

    def __init__(self, group: asyncio.TaskGroup) -> None:
        self.group, self.now = group, 0.0
        self.there: set[str] = set()
        self.begun: list[str] = []
        self.over = asyncio.Event()
        self.listeners = Listeners(self._listen, lambda: self.now)

    async def at(self, now: float, *wanted: str) -> set[str]:
        """Who listens after a look at that time."""
        self.now = now
        self.listeners.attend(self.group, frozenset(wanted))
        for _ in range(3):
            await asyncio.sleep(0)
        return set(self.there)

    async def _listen(self, name: str) -> None:
        self.begun.append(name)
        self.there.add(name)
        try:
            await self.over.wait()
        finally:
            self.there.discard(name)


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    async with asyncio.TaskGroup() as group:
        made = Stage(group)
        yield made
        made.over.set()


async def test_a_listener_stays_a_while_and_is_given_back(stage: Stage) -> None:
    assert await stage.at(0.0, "a", "b") == {"a", "b"}
    assert await stage.at(10.0, "b") == {"a", "b"}
    assert await stage.at(KEPT_SECONDS - 0.1, "b") == {"a", "b"}
    assert await stage.at(KEPT_SECONDS, "b") == {"b"}
    assert await stage.at(2 * KEPT_SECONDS) == set()
    assert sorted(stage.begun) == ["a", "b"]


async def test_who_is_wanted_again_in_time_goes_on_and_later_begins_anew(stage: Stage) -> None:
    await stage.at(0.0, "a")
    await stage.at(KEPT_SECONDS - 1.0, "a")
    assert await stage.at(2 * KEPT_SECONDS - 2.0) == {"a"}
    assert stage.begun == ["a"]
    assert await stage.at(3 * KEPT_SECONDS) == set()
    assert await stage.at(3 * KEPT_SECONDS + 1.0, "a") == {"a"}
    assert stage.begun == ["a", "a"]


async def test_one_that_ended_begins_again_while_it_is_wanted(stage: Stage) -> None:
    await stage.at(0.0, "a")
    stage.over.set()
    assert await stage.at(1.0, "a") == set()
    stage.over.clear()
    assert await stage.at(2.0, "a") == {"a"}


async def test_beyond_the_most_those_go_at_once_that_were_wanted_longest_ago(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listeners, "MOST", 3)
    await stage.at(0.0, "a", "c")
    await stage.at(1.0, "b", "c")
    assert await stage.at(2.0, "c", "d") == {"b", "c", "d"}
    assert await stage.at(3.0, "e", "f", "g", "h") == {"e", "f", "g", "h"}, "what is wanted is listened at"
