"""What a team that asks for it saves: the first attempts of a run that was there before."""

from dataclasses import dataclass
from itertools import count
from pathlib import Path

import pytest

from aios.ports.chat_model import ChatRequest
from aios.spec.team import Limits
from aios.tasks.attempt_events import Reply
from aios.tasks.result import Outcome, Spend
from tests.agents import stage as setting
from tests.agents import test_resume
from tests.agents.mortal import Life
from tests.agents.stage import FakeModel, Stage, call, reply, staged

DONE = reply("It is done.")
STEPS = [
    reply("I look.", call("read_file", path="absent"), call("list_files")),
    reply("I look again.", call("read_file", path="absent"), call("read_file", path="absent-too")),
    DONE,
]
IDS = count()


@dataclass
class Vendor(FakeModel):
    """Gives each tool call an id that it never gave before."""

    async def chat(self, request: ChatRequest) -> Reply:
        said = await super().chat(request)
        calls = (one.model_copy(update={"id": f"toolu_{next(IDS):024}"}) for one in said.tool_calls)
        return said.model_copy(update={"tool_calls": tuple(calls)})


async def start(stage: Stage, monkeypatch: pytest.MonkeyPatch, run: str) -> None:
    """A run of the same project and task."""
    for module in (setting, test_resume):
        monkeypatch.setattr(module, "RUN", f"default/words/{run}")
    await stage.dispatch(model="strong")


async def test_a_run_that_was_there_before_costs_nothing_where_the_team_says_so(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage.limits = Limits(reply_cache="1h")
    await stage.dispatch(model="strong")
    paid = await stage.play(FakeModel([DONE]))
    monkeypatch.setattr(setting, "RUN", "default/words/def456")
    await stage.dispatch(model="strong")
    silent = FakeModel([])
    free = await stage.play(silent)
    assert (free.outcome, free.text, silent.asked) == (Outcome.SUCCEEDED, paid.text, [])
    assert paid.spend.cost > 0
    assert free.spend == Spend(calls=1, cached=1)
    assert await stage.kinds() == ["Claimed", "Inputs", "CallFinished", "Checked", "Ended"]


async def test_a_second_attempt_asks_anew(stage: Stage) -> None:
    stage.limits = Limits(reply_cache="1h")
    await stage.dispatch(model="strong")
    await stage.play(FakeModel([DONE]))
    await stage.dispatch(model="strong", attempt=2)
    model = FakeModel([DONE])
    await stage.play(model, attempt=2)
    assert len(model.asked) == 1


async def test_every_step_of_a_second_run_is_free_though_vendors_never_repeat_an_id(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage.limits = Limits(reply_cache="1h")
    paid = []
    for run in ("a", "b", "c"):
        await start(stage, monkeypatch, run)
        model = Vendor(STEPS)
        assert (await stage.play(model)).outcome is Outcome.SUCCEEDED
        paid.append(len(model.asked))
    assert paid == [3, 0, 0]


@pytest.mark.parametrize(("kept", "paid"), [(True, {0}), (False, {3, 2, 1, 0})])
async def test_a_run_of_free_answers_goes_on_where_its_worker_died(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kept: bool, paid: set[int]
) -> None:
    found = set()
    for died in range(1, 10):
        async with staged(tmp_path / str(died)) as stage:
            stage.limits = Limits(reply_cache="1h")
            await start(stage, monkeypatch, "a")
            await stage.play(Vendor(STEPS))
            await start(stage, monkeypatch, "b")
            first, second = Vendor(STEPS), Vendor(STEPS)
            await test_resume.live(stage, first, Life(until=died, after=True))
            for key in () if kept else await stage.ports.sessions.scan("reply/"):
                await stage.ports.sessions.delete(key)
            await stage.ring()
            assert (await stage.play(second, "w2")).outcome is Outcome.SUCCEEDED
            assert first.asked == []
            found.add(len(second.asked))
    assert found == paid
