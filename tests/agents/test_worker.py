"""A worker on the laptop's twins: what it records, what it refuses, and how every kind of attempt ends."""

import asyncio
import errno
import os
import subprocess
import sys
import threading
import time
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from aios.agents import worker
from aios.agents.task_time import TaskTime
from aios.agents.worker import POISON_CLAIMS
from aios.errors import ModelCallError
from aios.models.unusable import UnusableAnswerError
from aios.naming import attempt_lease, attempt_stream, worker_session
from aios.ports.chat_model import ChatRequest
from aios.ports.journal import Record
from aios.spec.team import Limits
from aios.spec.vocabulary import Privacy
from aios.tasks.attempt_events import Claimed, Ended, Inputs, Usage
from aios.tasks.result import Outcome, TaskResult
from aios.tasks.task import TaskKind
from tests.agents.stage import DONE, RUN, TASK, WRITE, FakeModel, Stage, call, reply


async def test_a_task_is_done_committed_and_told(stage: Stage) -> None:
    await stage.dispatch(TASK.model_copy(update={"outputs": ("*.py",)}))
    result = await stage.play(FakeModel([WRITE, DONE]))
    assert (result.outcome, result.text, result.files) == (Outcome.SUCCEEDED, "It is done.", ("count.py",))
    assert (result.spend.calls, result.spend.input_tokens, result.spend.in_doubt) == (2, 200, 0)
    assert "len(t.split())" in (await stage.files())["count.py"]
    head = await stage.workspace.head()
    assert result.commit == head.commit
    assert await stage.kinds() == [
        *("Claimed", "Inputs", "CallStarted", "CallFinished", "ToolDone", "CallStarted", "CallFinished"),
        *("Checked", "CommitIntended", "Ended"),
    ]
    assert not list((stage.place / "scratch").iterdir())


async def test_a_task_that_changes_nothing_commits_nothing(stage: Stage) -> None:
    await stage.dispatch()
    result = await stage.play(FakeModel([DONE]))
    assert (result.outcome, result.commit, result.files) == (Outcome.SUCCEEDED, "", ())
    assert (await stage.workspace.head()).sequence == 0


async def test_a_workspace_that_lost_a_part_ends_the_attempt_with_its_name(stage: Stage) -> None:
    await stage.put({"count.py": "x"}, Privacy.PUBLIC)
    for key in await stage.ports.objects.list(""):
        if "/manifests/" in key:
            await stage.ports.objects.delete(key)
    await stage.dispatch()
    result = await stage.play(FakeModel([DONE]))
    assert (result.outcome, result.spend.calls) == (Outcome.ENVIRONMENT, 0)
    assert "manifests/" in result.message


async def test_feedback_reaches_the_next_attempt(stage: Stage) -> None:
    await stage.dispatch(attempt=2, feedback="failed check: exit 1")
    model = FakeModel([DONE])
    await stage.play(model, attempt=2)
    assert "failed check: exit 1" in model.asked[0].messages[1].text
    labels = {"member": "developer", "task": "implement", "attempt": "2", "turn": "0", "outputs": ""}
    assert model.asked[0].labels == labels


async def test_steps_are_bounded(stage: Stage) -> None:
    stage.limits = Limits(max_steps=3)
    await stage.dispatch()
    model = FakeModel([WRITE] * 10)
    result = await stage.play(model)
    assert (result.outcome, len(model.asked)) == (Outcome.STEPS_EXHAUSTED, 3)
    assert await stage.files() == {}


async def test_a_task_past_its_time_ends_and_nothing_of_it_survives(stage: Stage) -> None:
    stage.limits = Limits(task_timeout="1500ms")
    await stage.dispatch()
    sleep = f"631.{os.getpid():07d}"  # as no other run on this machine does
    program = f"import subprocess; subprocess.run(['sleep', '{sleep}'], start_new_session=True)"
    result = await stage.play(FakeModel([reply("", call("run_command", command=["python3", "-c", program]))]))
    assert (result.outcome, result.message) == (Outcome.TIMED_OUT, "not finished within 1500ms (taskTimeout)")
    running = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    assert f"sleep {sleep}" not in running


async def test_what_we_need_to_start_is_not_taken_from_the_tasks_time(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []
    loaded, running = threading.Event(), TaskTime.running

    def slowly() -> None:
        time.sleep(0.2)
        order.append("preloaded")
        loaded.set()

    def noted(task_time: TaskTime) -> AbstractAsyncContextManager[None]:
        order.append("the task's time runs")
        return running(task_time)

    monkeypatch.setattr(TaskTime, "running", noted)
    monkeypatch.setattr(worker, "_PRELOADED", loaded)
    monkeypatch.setattr(worker, "preload", slowly)
    await stage.dispatch()
    assert (await stage.play(FakeModel([WRITE, DONE]))).outcome is Outcome.SUCCEEDED
    assert order == ["preloaded", "the task's time runs"]


async def test_a_model_that_refuses_ends_the_attempt_with_its_words(stage: Stage) -> None:
    await stage.dispatch()
    result = await stage.play(FakeModel([ModelCallError("no such model", transient=False)]))
    assert (result.outcome, result.message) == (Outcome.MODEL_ERROR, "no such model")


async def test_a_model_that_declines_ends_the_attempt_with_what_that_cost(stage: Stage) -> None:
    await stage.dispatch()
    declined = UnusableAnswerError("it declined", usage=Usage(input_tokens=9, output_tokens=2))
    result = await stage.play(FakeModel([declined]))
    assert (result.outcome, result.message) == (Outcome.UNUSABLE_ANSWER, "it declined")
    assert (result.spend.calls, result.spend.input_tokens, result.spend.output_tokens) == (1, 9, 2)


async def test_a_prompt_that_cannot_be_rendered_ends_the_attempt(stage: Stage) -> None:
    stage.member = stage.member.model_copy(update={"prompt": "You write {{ inputs.colour }}."})
    await stage.dispatch()
    model = FakeModel([DONE])
    result = await stage.play(model)
    assert result.outcome is Outcome.MODEL_ERROR
    assert "colour" in result.message
    assert model.asked == []


async def test_a_plan_is_handed_on_word_for_word(stage: Stage) -> None:
    await stage.dispatch(TASK.model_copy(update={"name": "plan", "kind": TaskKind.PLAN}))
    plan = '```json\n{"tasks": []}\n```' + " " * 20_000
    model = FakeModel([reply(plan)])
    result = await stage.play(model, task=TASK.model_copy(update={"name": "plan"}))
    assert result.text == plan
    assert '{"tasks": [' in model.asked[0].messages[1].text


async def test_two_tasks_that_change_one_file_conflict_and_other_files_are_kept(stage: Stage) -> None:
    await stage.put({"count.py": "old"})
    await stage.dispatch()

    async def meanwhile(request: ChatRequest) -> None:
        if request.labels["turn"] == "1":
            await stage.put({"count.py": "theirs", "other.py": "kept"})

    result = await stage.play(FakeModel([WRITE, DONE], during=meanwhile))
    assert (result.outcome, result.message) == (Outcome.CONFLICT, "changed by another task meanwhile: count.py")
    assert await stage.files() == {"count.py": "theirs", "other.py": "kept"}


async def test_an_ended_attempt_only_rings_again(stage: Stage) -> None:
    await stage.dispatch()
    await stage.play(FakeModel([DONE]))
    before = await stage.kinds()
    await stage.ring()
    model = FakeModel([DONE])
    assert (await stage.play(model, "w2")).outcome is Outcome.SUCCEEDED
    assert (model.asked, await stage.kinds()) == ([], before)


async def test_an_attempt_that_somebody_else_leases_is_left_alone(stage: Stage) -> None:
    await stage.ports.leases.acquire(attempt_lease(RUN, "implement", 1), "another", ttl=60)
    await stage.dispatch()
    model = FakeModel([DONE])
    async with stage.running(stage.worker(model)):
        await stage.taken()
    assert (model.asked, await stage.kinds()) == ([], [])


async def test_a_stray_doorbell_is_dropped(stage: Stage) -> None:
    await stage.dispatch()
    await stage.play(FakeModel([DONE]))
    for seq in (1, 99):
        await stage.ring(attempt=7, seq=seq)
    async with stage.running(stage.worker(FakeModel([]))):
        await stage.taken()
    assert await stage.kinds(attempt=7) == []


async def test_an_attempt_that_kills_its_workers_is_poisoned(stage: Stage) -> None:
    claims = [Claimed(epoch=epoch, worker=f"w{epoch}") for epoch in range(1, POISON_CLAIMS + 1)]
    records = [Record(data=claim.model_dump(mode="json", by_alias=True)) for claim in claims]
    await stage.ports.journal.append(attempt_stream(RUN, "implement", 1), 0, records)
    await stage.dispatch()
    model = FakeModel([DONE])
    result = await stage.play(model)
    assert (result.outcome, model.asked) == (Outcome.POISONED, [])
    assert not result.outcome.retryable


async def test_a_cancel_by_the_engine_stops_the_work_at_once(stage: Stage) -> None:
    await stage.dispatch()
    program = f"import time; time.sleep(642.{os.getpid():07d})"  # as no other run on this machine does
    sleep = reply("", call("run_command", command=["python3", "-c", program]))
    async with stage.running(stage.worker(FakeModel([sleep]))):
        await stage.recorded("CallFinished")
        stream = attempt_stream(RUN, "implement", 1)
        cancelled = Ended(result=TaskResult(outcome=Outcome.CANCELLED))
        record = Record(data=cancelled.model_dump(mode="json", by_alias=True))
        await stage.ports.journal.append(stream, await stage.ports.journal.head(stream), [record])
        await stage.idle()
    assert (await stage.kinds())[-2:] == ["CallFinished", "Ended"]
    running = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    assert program not in running


async def test_a_stale_claimant_is_refused_before_its_next_paid_call(stage: Stage) -> None:
    """A zombie whose lease and watch both fail: the journal alone stops it."""
    await stage.dispatch()
    thinking, go_on = asyncio.Event(), asyncio.Event()

    async def slow(_: ChatRequest) -> None:
        thinking.set()
        await go_on.wait()

    zombie_model = FakeModel([WRITE, DONE], during=slow)
    zombie = stage.worker(zombie_model, "zombie")
    zombie._timings = replace(zombie._timings, watch_pause=3600.0, lease_renewal=3600.0)
    async with stage.running(zombie):
        await thinking.wait()
        await stage.ports.leases.release(attempt_lease(RUN, "implement", 1), "zombie")
        await stage.ring()
        fresh = FakeModel([WRITE, DONE])
        async with stage.running(stage.worker(fresh, "fresh")):
            result = await stage.ended()
        go_on.set()
    assert result.outcome is Outcome.SUCCEEDED
    assert (result.spend.calls, result.spend.in_doubt) == (2, 1)
    assert zombie_model.keys == [f"{RUN}/implement/1/0/1"]
    assert [e.worker for e in await stage.events() if isinstance(e, Claimed)] == ["zombie", "fresh"]
    assert (await stage.kinds())[-1] == "Ended"


async def test_a_worker_told_to_stop_finishes_what_it_has_in_flight(stage: Stage) -> None:
    await stage.dispatch()
    stopped = asyncio.Event()

    async def stop_it(_: ChatRequest) -> None:
        stopped.set()

    async with stage.running(stage.worker(FakeModel([WRITE, DONE], during=stop_it))) as stop:
        await stopped.wait()
        stop.set()
    assert (await stage.ended()).outcome is Outcome.SUCCEEDED


async def drained_while_it_thinks(stage: Stage, name: str) -> None:
    """A worker gets one step further at most, is told to stop, and is ended when its time is up."""
    thinking, stop = asyncio.Event(), asyncio.Event()

    async def think(request: ChatRequest) -> None:
        if request.labels["turn"] == "1":
            thinking.set()
            await asyncio.Event().wait()

    async def told() -> bool:
        return any(
            isinstance(event, Claimed) and event.yielded and event.worker == name for event in await stage.events()
        )

    serving = asyncio.create_task(stage.worker(FakeModel([WRITE, DONE], during=think), name).run(stop))
    await thinking.wait()
    stop.set()
    await stage.until(told)
    serving.cancel()
    await asyncio.wait({serving})


async def test_workers_that_are_told_to_stop_in_one_long_step_poison_nothing(stage: Stage) -> None:
    await stage.dispatch()
    for number in range(POISON_CLAIMS + 1):
        await drained_while_it_thinks(stage, f"w{number}")
        await stage.ring()
    result = await stage.play(FakeModel([WRITE, DONE]), "last")
    assert (result.outcome, result.files) == (Outcome.SUCCEEDED, ("count.py",))


async def test_a_worker_shows_what_it_does(stage: Stage) -> None:
    await stage.dispatch()
    key = worker_session("default", "software-developer", "w1")
    seen: list[str] = []

    async def look(_: ChatRequest) -> None:
        async with asyncio.timeout(30):  # shown in a moment, not at once
            while "Working" not in (  # noqa: ASYNC110  # a heartbeat offers nothing to wait for
                shown := await stage.ports.sessions.get(key) or ""
            ):
                await asyncio.sleep(0.01)
        seen.append(shown)

    await stage.play(FakeModel([WRITE, DONE], during=look))
    assert '"phase": "Working", "task": "words/implement"' in seen[0]
    assert await stage.ports.sessions.get(key) is None


async def test_costs_are_exact_and_carry_no_floating_point(stage: Stage) -> None:
    stage.member = stage.member.model_copy(update={"models": ("strong",)})
    await stage.dispatch(model="strong")
    result = await stage.play(FakeModel([DONE]))
    assert result.spend.cost == Decimal("0.00045")  # 100 tokens at $3 and 10 at $15 a million


async def test_what_acts_outside_is_recorded_before_it_acts(stage: Stage) -> None:
    await stage.dispatch()
    await stage.play(FakeModel([reply("", call("send_message", to="tester", text="x"), call("list_files")), DONE]))
    assert (await stage.kinds())[4:7] == ["ToolStarted", "ToolDone", "ToolDone"]


async def test_a_defect_gives_the_claim_up_and_the_attempt_is_claimed_again(stage: Stage) -> None:
    await stage.dispatch()
    async with stage.running(stage.worker(FakeModel([ZeroDivisionError("a defect")]))):
        await stage.recorded("CallStarted")
        await stage.idle()
    await stage.ring()
    result = await stage.play(FakeModel([DONE]), "w2")
    assert (result.outcome, result.spend.in_doubt) == (Outcome.SUCCEEDED, 1)


async def test_a_machine_that_starts_no_programs_ends_the_attempt_with_that_reason(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    locked = stage.place / "python"
    locked.write_text("")
    locked.chmod(0o600)
    monkeypatch.setattr(sys, "executable", str(locked))
    await stage.dispatch(TASK.model_copy(update={"check": ("python3", "-c", "pass")}))
    result = await stage.play(FakeModel([WRITE, DONE]))
    assert result.outcome is Outcome.ENVIRONMENT
    assert "cannot start programs" in result.message
    assert f"{locked}" in result.message
    assert "Permission denied" in result.message


async def test_a_machine_that_is_too_busy_to_start_a_program_is_waited_for_and_no_call_is_paid_twice(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    start, refusals = asyncio.create_subprocess_exec, iter(range(3))

    async def busy(*command: str, **how: Any) -> asyncio.subprocess.Process:
        if next(refusals, None) is not None:
            raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))
        return await start(*command, **how)

    monkeypatch.setattr(asyncio, "create_subprocess_exec", busy)
    await stage.dispatch(TASK.model_copy(update={"check": ("python3", "-c", "pass")}))
    model = FakeModel([WRITE, DONE])
    assert (await stage.play(model)).outcome is Outcome.SUCCEEDED
    assert len(model.asked) == 2


async def test_inputs_are_recorded_with_the_rendered_prompt(stage: Stage) -> None:
    await stage.dispatch(TASK.model_copy(update={"inputs": {"language": "Rust"}}))
    await stage.play(FakeModel([DONE]))
    inputs = next(event for event in await stage.events() if isinstance(event, Inputs))
    assert (inputs.system, inputs.model, inputs.privacy) == ("You write Rust.", "local", Privacy.INTERNAL)


def test_a_worker_is_imported_without_langgraph() -> None:
    program = (
        "import sys, aios.agents.worker; print([m for m in sys.modules if m.startswith(('langgraph', 'langchain'))])"
    )
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert said.stdout.strip() == "[]"
