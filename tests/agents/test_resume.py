"""An attempt survives its worker's death at every write, and no recorded call is paid twice."""

import asyncio
import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from aios.agents.checkpoints import session_key
from aios.agents.mailbox import Mailboxes
from aios.naming import attempt_lease, attempt_stream
from aios.ports.chat_model import ChatRequest
from aios.spec.team import Limits
from aios.spec.vocabulary import OnInDoubt, Tool
from aios.tasks.attempt_events import CallFinished, CallStarted, ToolDone
from aios.tasks.result import Outcome
from tests.agents.mortal import KilledError, Life, mortal
from tests.agents.stage import RUN, TASK, FakeModel, Stage, call, reply, staged
from tests.twins.lost_replies import LostReplyJournal, LostReplyObjects

pytestmark = pytest.mark.timeout(170)

PROGRAM = "import count; open('result.txt', 'w').write(str(count.count('a b c')))"
SCRIPT = [
    reply(
        "I write it.",
        call("write_file", path="count.py", content="def count(t):\n    return len(t.split())\n"),
        call("write_file", path="notes.txt", content="to be deleted"),
    ),
    reply("I try it.", call("run_command", command=["python3", "-c", PROGRAM])),
    reply(
        "I tell.", call("send_message", to="tester", text="count.py is there"), call("delete_file", path="notes.txt")
    ),
    reply("It is done."),
]
CHECKED = TASK.model_copy(
    update={
        "outputs": ("count.py", "result.txt"),
        "check": ("python3", "-c", "assert open('result.txt').read() == '3'"),
    }
)
FILES = {"count.py": "def count(t):\n    return len(t.split())\n", "result.txt": "3"}


async def live(stage: Stage, model: FakeModel, life: Life, *, forgetful: bool = False) -> None:
    """One worker's life, to its end or to the attempt's."""
    ports = mortal(stage.ports, life, forgetful=forgetful)
    serving = asyncio.create_task(stage.worker(model, "w1", ports=ports).run(asyncio.Event()))
    ended = asyncio.create_task(stage.recorded("Ended"))
    await asyncio.wait({serving, ended}, return_when=asyncio.FIRST_COMPLETED)
    for task in (serving, ended):
        task.cancel()
        await asyncio.wait({task})
    if serving.done() and not serving.cancelled() and not isinstance(serving.exception(), KilledError):
        serving.result()
    await stage.ports.leases.release(attempt_lease(RUN, "implement", 1), "w1")


async def writes_of_a_whole_life(place: Path) -> int:
    async with staged(place) as stage:
        await stage.dispatch(CHECKED)
        life = Life()
        await live(stage, FakeModel(SCRIPT), life)
        return life.writes


async def check_record(stage: Stage, receipt: list[str], kills: int) -> None:
    """What must hold of the record and of the model's own till receipt, wherever the worker died."""
    events = await stage.events()
    finished = [f"{RUN}/implement/1/{e.step}/{e.number}" for e in events if isinstance(e, CallFinished)]
    started = [f"{RUN}/implement/1/{e.step}/{e.number}" for e in events if isinstance(e, CallStarted)]
    assert len(receipt) == len(set(receipt)), "a call was sent twice under one name"
    assert set(finished) <= set(receipt) <= set(started)
    for key in finished:
        step = key.rsplit("/", 1)[0]
        assert receipt.index(key) == max(i for i, sent in enumerate(receipt) if sent.startswith(f"{step}/")), (
            f"{step} was asked again after its answer was recorded"
        )
    assert len(started) - len(finished) <= kills
    assert await stage.files() == FILES
    assert (await stage.workspace.head()).sequence == 1
    assert [letter.text for letter in await Mailboxes(stage.ports.journal, RUN).read("tester")] == ["count.py is there"]


FULL = os.environ.get("AIOS_TEST_FAULTS") == "full"
WAYS = [(False, True), (True, False), *([(False, False), (True, True)] if FULL else [])]


@pytest.mark.parametrize(("after", "forgetful"), WAYS)
async def test_death_at_every_write_is_survived(tmp_path: Path, after: bool, forgetful: bool) -> None:
    total = await writes_of_a_whole_life(tmp_path / "whole")
    assert total > 25
    for number in range(1, total + 1):
        async with staged(tmp_path / str(number)) as stage:
            await stage.dispatch(CHECKED)
            first, second = FakeModel(SCRIPT), FakeModel(SCRIPT)
            await live(stage, first, Life(until=number, after=after), forgetful=forgetful)
            shutil.rmtree(stage.place / "scratch", ignore_errors=True)
            await stage.ring(CHECKED)
            result = await stage.play(second, "w2", task=CHECKED)
            assert result.outcome is Outcome.SUCCEEDED, f"died at write {number}: {result.message}"
            assert result.files == ("count.py", "result.txt")
            await check_record(stage, first.keys + second.keys, kills=1)


async def test_many_deaths_of_one_attempt_are_survived(stage: Stage) -> None:
    await stage.dispatch(CHECKED)
    receipt: list[str] = []
    for until in (5, 9, 12, 7):
        model = FakeModel(SCRIPT)
        await live(stage, model, Life(until=until, after=True))
        receipt += model.keys
        await stage.ring(CHECKED)
    last = FakeModel(SCRIPT)
    assert (await stage.play(last, "w2", task=CHECKED)).outcome is Outcome.SUCCEEDED
    await check_record(stage, receipt + last.keys, kills=4)


async def test_another_machine_restores_the_working_copy_from_blobs(stage: Stage) -> None:
    await stage.dispatch(CHECKED)
    life = Life(until=15, after=True)
    await live(stage, FakeModel(SCRIPT), life)
    recorded = [event for event in await stage.events() if isinstance(event, ToolDone) and event.manifest]
    assert recorded, "the worker died too early for this test to say anything"
    await stage.ring(CHECKED)
    elsewhere = stage.worker(FakeModel(SCRIPT), "w2", scratch="another-machine")
    async with stage.running(elsewhere):
        assert (await stage.ended(CHECKED)).outcome is Outcome.SUCCEEDED
    assert await stage.files() == FILES


async def test_checkpoints_deleted_mid_task_change_nothing(stage: Stage) -> None:
    key = session_key(attempt_stream(RUN, "implement", 1))
    found: list[bool] = []

    async def wipe(_: ChatRequest) -> None:
        found.append(await stage.ports.sessions.get(key) is not None)
        await stage.ports.sessions.delete(key)

    await stage.dispatch(CHECKED)
    model = FakeModel(SCRIPT, during=wipe)
    assert (await stage.play(model, task=CHECKED)).outcome is Outcome.SUCCEEDED
    assert found == [True] * len(SCRIPT)
    await check_record(stage, model.keys, kills=0)


async def test_a_checkpoint_that_the_stream_does_not_know_is_ignored(stage: Stage, tmp_path: Path) -> None:
    """The stream wins over a checkpoint that claims more: here, one of an attempt that finished elsewhere."""
    key = session_key(attempt_stream(RUN, "implement", 1))
    stolen: list[str] = []

    async def steal(request: ChatRequest) -> None:
        if request.labels["turn"] == "3":
            stolen.append(await other.ports.sessions.get(key) or "")

    async with staged(tmp_path / "other") as other:
        await other.dispatch(CHECKED)
        await other.play(FakeModel(SCRIPT, during=steal), task=CHECKED)
    assert stolen[0]
    await stage.dispatch(CHECKED)
    first, second = FakeModel(SCRIPT), FakeModel(SCRIPT)
    await live(stage, first, Life(until=3, after=True), forgetful=True)
    await stage.ports.sessions.set(key, stolen[0], ttl=60)  # only from the second claim on is one looked for
    await stage.ring(CHECKED)
    assert (await stage.play(second, "w2", task=CHECKED)).outcome is Outcome.SUCCEEDED
    await check_record(stage, [*first.keys, *second.keys], kills=1)


async def test_a_call_that_was_cut_off_is_asked_as_the_changed_configuration_says(stage: Stage) -> None:
    await stage.dispatch(CHECKED)
    await live(stage, FakeModel(SCRIPT), Life(until=3, after=True), forgetful=True)
    assert (await stage.kinds())[-1] == "CallStarted"
    stage.models["local"] = stage.models["local"].model_copy(update={"max_output_tokens": 16_000})
    stage.member = stage.member.model_copy(update={"tools": (*stage.member.tools, Tool.MEMORY)})
    await stage.ring(CHECKED)
    model = FakeModel(SCRIPT)
    result = await stage.play(model, "w2", task=CHECKED)
    assert (result.outcome, result.spend.in_doubt, model.asked[0].max_output_tokens) == (Outcome.SUCCEEDED, 1, 16_000)
    assert model.keys[0] == f"{RUN}/implement/1/0/2"


async def test_an_attempt_whose_answers_fit_no_longer_ends_and_another_does_the_task_anew(stage: Stage) -> None:
    await stage.dispatch(CHECKED)
    first = FakeModel(SCRIPT)
    await live(stage, first, Life(until=4, after=True), forgetful=True)
    assert (await stage.kinds())[-1] == "CallFinished"
    stage.models["local"] = stage.models["local"].model_copy(update={"max_output_tokens": 16_000})
    await stage.ring(CHECKED)
    second = FakeModel(SCRIPT)
    ended = await stage.play(second, "w2", task=CHECKED)
    assert (ended.outcome, ended.outcome.retryable, second.asked) == (Outcome.DIVERGED, True, [])
    assert (ended.spend.calls, ended.spend.input_tokens) == (1, 100), "what it used stays counted"
    assert ended.message.startswith("the member's configuration or AIOS changed since step 0")
    await stage.dispatch(CHECKED, attempt=2, feedback=ended.message)
    third = FakeModel(SCRIPT)
    assert (await stage.play(third, "w3", task=CHECKED, attempt=2)).outcome is Outcome.SUCCEEDED
    assert not set(third.keys) & set(first.keys)
    assert await stage.files() == FILES


async def test_a_call_in_doubt_is_parked_when_the_team_says_so(stage: Stage) -> None:
    stage.limits = Limits(on_in_doubt=OnInDoubt.PARK)
    await stage.dispatch(CHECKED, model="strong")
    await live(stage, FakeModel(SCRIPT), Life(until=3, after=True))
    await stage.ring(CHECKED)
    model = FakeModel(SCRIPT)
    result = await stage.play(model, "w2", task=CHECKED)
    assert (result.outcome, model.asked, result.spend.in_doubt) == (Outcome.IN_DOUBT, [], 1)
    started = next(event for event in await stage.events() if isinstance(event, CallStarted))
    assert result.spend.cost == started.worst_case > 0


async def test_stores_that_lose_replies_lose_and_double_nothing(stage: Stage) -> None:
    journal = LostReplyJournal(stage.ports.journal, every=2)
    ports = replace(stage.ports, journal=journal, objects=LostReplyObjects(stage.ports.objects, every=3))
    await stage.dispatch(CHECKED)
    model = FakeModel(SCRIPT)
    async with stage.running(stage.worker(model, ports=ports)):
        result = await stage.ended(CHECKED)
    assert (result.outcome, result.spend.in_doubt) == (Outcome.SUCCEEDED, 0)
    assert journal.replies.lost > 5
    await check_record(stage, model.keys, kills=0)
