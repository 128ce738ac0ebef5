"""Turns are a courtesy: one at a time, and nobody waits for ever."""

import asyncio

import pytest

from aios.workspace import turns
from aios.workspace.turns import Turns


async def test_committers_of_one_workspace_go_one_by_one() -> None:
    known, inside, most = Turns(), 0, 0

    async def commit() -> None:
        nonlocal inside, most
        async with known.at("workspaces/a/").taken():
            inside += 1
            most = max(most, inside)
            await asyncio.sleep(0)
            inside -= 1

    keep = known.at("workspaces/a/")
    await asyncio.gather(*(commit() for _ in range(10)))
    assert most == 1
    assert known.at("workspaces/a/") is keep


async def test_another_workspace_has_a_turn_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "PATIENCE_SECONDS", 3_600.0)
    known = Turns()
    async with known.at("workspaces/a/").taken(), asyncio.timeout(30), known.at("workspaces/b/").taken():
        pass


async def test_whoever_hangs_is_passed_by(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "PATIENCE_SECONDS", 0.02)
    turn = Turns().at("workspaces/a/")
    async with turn.taken(), asyncio.timeout(30), turn.taken():
        pass  # the outer one hangs as long as we are here
    async with asyncio.timeout(30), turn.taken():
        pass
