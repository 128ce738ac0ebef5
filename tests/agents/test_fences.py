"""What a claim may not do once it is over, and what does not end one: zombies, outages, restarts, broken records."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import pytest

from aios.agents.worker import POISON_CLAIMS, AgentWorker
from aios.errors import ServiceUnavailableError
from aios.naming import attempt_stream
from aios.ports.chat_model import ChatRequest
from aios.ports.journal import Record
from aios.ports.object_store import ObjectStore, StoredObject
from aios.spec.team import Limits
from aios.spec.vocabulary import Privacy
from aios.tasks.attempt_events import CallFinished, Checked, Claimed, CommitIntended, Ended, Inputs
from aios.tasks.result import Outcome, TaskResult
from aios.workspace import store
from tests.agents.mortal import Life
from tests.agents.stage import QUICK, RUN, FakeModel, Stage, call, reply
from tests.agents.test_resume import CHECKED, FILES, SCRIPT, live

BLIND = replace(QUICK, watch=1_000.0, watch_pause=1_000.0, lease_renewal=1_000.0)
"""A worker that has just woken: nothing beside its work has run yet."""


@dataclass
class Objects:
    """A bucket that fails while `away`, and that stops whoever comes to `gate` until it may go `on`."""

    inner: ObjectStore
    away: bool = False
    gate: str = "none"
    stopped: asyncio.Event = field(default_factory=asyncio.Event)
    on: asyncio.Event = field(default_factory=asyncio.Event)

    async def _pass(self, action: str, key: str) -> None:
        if self.away:
            raise ServiceUnavailableError("the object store is away")
        if f"{action} {key}".startswith(self.gate) or (f"{action} {key.rsplit('/', 1)[-1]}" == self.gate):
            self.stopped.set()
            await self.on.wait()

    async def put(self, key: str, data: bytes) -> str:
        await self._pass("put", key)
        return await self.inner.put(key, data)

    async def create(self, key: str, data: bytes) -> str:
        return await self.inner.create(key, data)

    async def replace(self, key: str, data: bytes, etag: str) -> str:
        return await self.inner.replace(key, data, etag)

    async def get(self, key: str) -> StoredObject:
        await self._pass("get", key)
        return await self.inner.get(key)

    async def exists(self, key: str) -> bool:
        return await self.inner.exists(key)

    async def list(self, prefix: str) -> Sequence[str]:
        return await self.inner.list(prefix)

    async def delete(self, key: str) -> None:
        await self.inner.delete(key)


def written(name: str) -> FakeModel:
    return FakeModel([reply("I write it.", call("write_file", path=name, content="x")), reply("It is done.")])


async def cancel(stage: Stage, *, attempt: int) -> None:
    """What the engine does."""
    stream = attempt_stream(RUN, "implement", attempt)
    fence = Ended(result=TaskResult(outcome=Outcome.CANCELLED))
    record = Record(data=fence.model_dump(mode="json", by_alias=True))
    await stage.ports.journal.append(stream, await stage.ports.journal.head(stream), [record])


@pytest.mark.parametrize("gate", ["get HEAD", "put workspaces/default/words/commits/"])
async def test_who_was_frozen_before_head_and_cancelled_meanwhile_does_not_move_it(stage: Stage, gate: str) -> None:
    objects, model = Objects(stage.ports.objects), written("zombie.py")

    async def last_turn(request: ChatRequest) -> None:
        if request.labels["turn"] == "1":
            objects.gate = gate

    model.during = last_turn
    ports = replace(stage.ports, objects=objects)
    frozen = AgentWorker(stage.config, "w1", ports, lambda _: model, scratch=stage.place / "w1", timings=BLIND)
    await stage.dispatch()
    serving = asyncio.create_task(frozen.run(asyncio.Event()))
    await asyncio.wait_for(objects.stopped.wait(), 60)
    assert (await stage.kinds())[-1] == "CommitIntended"
    [folder] = (stage.place / "w1").iterdir()
    await cancel(stage, attempt=1)
    await stage.dispatch(attempt=2)
    assert (await stage.play(written("later.py"), "w2", attempt=2)).outcome is Outcome.SUCCEEDED
    objects.on.set()

    async def has_ended() -> bool:
        return not folder.exists()

    await stage.until(has_ended)  # its lease tells nothing: that has expired, for it was never renewed
    assert list(await stage.files()) == ["later.py"]
    serving.cancel()
    await asyncio.wait({serving})


async def test_an_outage_is_waited_for_and_poisons_nothing(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "OUTAGES", 0)
    objects, model = Objects(stage.ports.objects), written("count.py")

    async def fail_once_it_thinks(_: ChatRequest) -> None:
        objects.away = True

    model.during = fail_once_it_thinks
    ports = replace(stage.ports, objects=objects)
    worker = AgentWorker(stage.config, "w1", ports, lambda _: model, scratch=stage.place / "w1", timings=QUICK)
    await stage.dispatch()
    async with stage.running(worker):

        async def often_refused() -> bool:
            return (await stage.kinds()).count("Claimed") > 2 * POISON_CLAIMS

        await stage.until(often_refused)
        model.during = _nothing
        objects.away = False
        assert (await stage.ended()).outcome is Outcome.SUCCEEDED
    events = await stage.events()
    assert {event.epoch for event in events if isinstance(event, Claimed)} == {1}
    assert len(model.keys) == sum(isinstance(event, CallFinished) for event in events) == 2


async def _nothing(_: ChatRequest) -> None:
    """The service is back."""


@pytest.mark.timeout(120)
async def test_workers_that_die_often_but_get_on_poison_nothing(stage: Stage) -> None:
    await stage.dispatch(CHECKED)
    for _ in range(POISON_CLAIMS + 1):
        await live(stage, FakeModel(SCRIPT), Life(until=6, after=True))
        await stage.ring(CHECKED)
    assert (await stage.play(FakeModel(SCRIPT), "w2", task=CHECKED)).outcome is Outcome.SUCCEEDED
    assert await stage.files() == FILES


async def test_a_commit_that_can_never_be_made_ends_the_attempt_instead_of_being_tried_for_ever(stage: Stage) -> None:
    lost = "f" * 64
    inputs = Inputs(member="developer", model="local", system="", user="", privacy=Privacy.INTERNAL, time="")
    intent = CommitIntended(commit="c", base_manifest="", manifest=lost)
    record = [Claimed(epoch=1, worker="w0"), inputs, Checked(step=0, passed=True, manifest=lost), intent]
    records = [Record(data=event.model_dump(mode="json", by_alias=True)) for event in record]
    await stage.ports.journal.append(attempt_stream(RUN, "implement", 1), 0, records)
    await stage.dispatch()
    async with stage.running(stage.worker(FakeModel([]))):
        for _ in range(POISON_CLAIMS):
            await stage.taken()
            await stage.idle()
            await stage.ring()
        result = await stage.ended()
    assert result.outcome is Outcome.POISONED
    assert "its files may be in the workspace already" in result.message


async def test_a_commit_that_was_begun_is_finished_whatever_time_is_up(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "OUTAGES", 0)
    objects = Objects(stage.ports.objects)
    model, ports = written("count.py"), replace(stage.ports, objects=objects)

    async def last_turn(request: ChatRequest) -> None:
        if request.labels["turn"] == "1":
            objects.gate = "get HEAD"

    model.during = last_turn
    first = AgentWorker(stage.config, "w1", ports, lambda _: model, scratch=stage.place / "w1", timings=QUICK)
    await stage.dispatch()
    serving = asyncio.create_task(first.run(asyncio.Event()))
    await asyncio.wait_for(objects.stopped.wait(), 60)
    assert (await stage.kinds())[-1] == "CommitIntended"
    serving.cancel()
    await asyncio.wait({serving})
    objects.gate, objects.away = "none", True
    stage.limits = Limits(task_timeout="2s")
    second = AgentWorker(stage.config, "w2", ports, lambda _: model, scratch=stage.place / "w2", timings=QUICK)
    await stage.ring()
    async with stage.running(second):
        await asyncio.sleep(3.0)  # longer than the task may take
        objects.away = False
        assert (await stage.ended()).outcome is Outcome.SUCCEEDED
    assert list(await stage.files()) == ["count.py"]
