"""Busy comes from heartbeats, done and tokens from the journals."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from aios.embedded.sessions import SqliteSessions
from aios.naming import worker_session
from aios.reconcile.activity import CHARGED, AgentActivity, Totals, no_activity, session_activity
from aios.spec.base import Kind, Ref

AGENT = Ref(Kind.AGENT, "n", "software-developer")


@dataclass(frozen=True)
class Sum:
    done: int
    tokens: int


async def totals(namespace: str) -> Mapping[str, Totals]:
    assert namespace == "n"
    return {"software-developer": Sum(3, 900)}


@pytest.mark.parametrize(
    ("beats", "busy"),
    [
        ([], 0),
        (['{"phase": "Idle"}'], 0),
        (['{"phase": "Working", "task": "t"}', '{"phase": "Idle"}', '{"phase": "Working"}'], 2),
        (["not JSON", "[]"], 0),
    ],
)
async def test_working_heartbeats_are_counted(tmp_path: Path, beats: list[str], busy: int) -> None:
    sessions = SqliteSessions(tmp_path / "sessions.db")
    for number, beat in enumerate(beats):
        await sessions.set(worker_session("n", AGENT.name, f"w{number}"), beat, ttl=60)
    # A neighbour whose name begins alike is somebody else.
    await sessions.set(worker_session("n", "software-developer-2", "w"), '{"phase": "Working"}', ttl=60)
    assert await session_activity(sessions, totals)(AGENT) == AgentActivity(busy, 3, 900)
    await sessions.close()


@dataclass
class Hand:
    """A clock that a test turns."""

    at: float = 0.0

    def monotonic(self) -> float:
        return self.at


async def test_where_looks_cost_money_agents_share_one_and_idle_ones_are_rare(tmp_path: Path) -> None:
    sessions, hand, looked = SqliteSessions(tmp_path / "sessions.db"), Hand(), list[float]()

    async def counted(namespace: str) -> Mapping[str, Totals]:
        looked.append(hand.at)
        return await totals(namespace)

    activity = session_activity(sessions, counted, clock=hand, looks=CHARGED)  # type: ignore[arg-type]  # what is used
    for second in range(60):
        hand.at = float(second)
        if second == 30:
            await sessions.set(worker_session("n", AGENT.name, "w"), '{"phase": "Working"}', ttl=60)
        if second == 33:
            await sessions.delete(worker_session("n", AGENT.name, "w"))
        for name in (AGENT.name, "software-tester"):
            await activity(Ref(Kind.AGENT, "n", name))
    assert looked[:3] == [0.0, 15.0, 30.0]
    assert looked[3:11] == [32.0, 34.0, 36.0, 38.0, 40.0, 42.0, 44.0, 46.0], "what ended a moment ago is counted soon"
    assert len(looked) == 11
    await sessions.close()


async def test_an_agent_that_did_nothing_has_no_totals(tmp_path: Path) -> None:
    sessions = SqliteSessions(tmp_path / "sessions.db")
    assert await session_activity(sessions, totals)(Ref(Kind.AGENT, "n", "new")) == AgentActivity()
    assert await no_activity(AGENT) == AgentActivity()
    await sessions.close()
