"""What a team that asks for it saves: the first attempts of a run that was there before."""

import pytest

from aios.spec.team import Limits
from aios.tasks.result import Outcome, Spend
from tests.agents import stage as setting
from tests.agents.stage import FakeModel, Stage, reply

DONE = reply("It is done.")


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
    assert free.spend == Spend(calls=1)
    assert await stage.kinds() == ["Claimed", "Inputs", "CallFinished", "Checked", "Ended"]


async def test_a_second_attempt_asks_anew(stage: Stage) -> None:
    stage.limits = Limits(reply_cache="1h")
    await stage.dispatch(model="strong")
    await stage.play(FakeModel([DONE]))
    await stage.dispatch(model="strong", attempt=2)
    model = FakeModel([DONE])
    await stage.play(model, attempt=2)
    assert len(model.asked) == 1
