"""What an engine may not read for a while ends nothing; a store that is damaged does."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from aios.embedded.resources import SqliteResources
from aios.errors import AiosError, EnvironmentProblemError
from aios.ports.resources import AnyResource
from aios.projects.engine import Engine
from aios.spec.base import Ref
from aios.spec.vocabulary import ProjectPhase
from tests.contract.waiting import eventually
from tests.projects.building import build_project, task
from tests.projects.laptop import Laptop

NAME = "forbidden"


class Guarded(SqliteResources):
    """What the laptop holds, seen by somebody who may not see all of it."""

    refusal: AiosError | None = None
    asked = 0
    damage: AiosError | None = None

    async def get(self, ref: Ref) -> AnyResource | None:
        if ref.name == NAME:
            self.asked += 1
            if self.refusal:
                raise self.refusal
        return await super().get(ref)

    async def changes(self) -> AsyncIterator[Ref]:
        async for ref in super().changes():
            yield ref
            if self.damage:
                raise self.damage


@pytest.fixture
async def guarded(tmp_path: Path) -> AsyncIterator[Guarded]:
    made = Guarded(tmp_path / "resources.db")
    yield made
    await made.close()


@pytest.mark.parametrize("refusal", [EnvironmentProblemError("403"), AiosError("400")], ids=["no right", "refused"])
async def test_what_may_not_be_read_is_looked_at_again_and_told_once(
    laptop: Laptop, guarded: Guarded, refusal: AiosError, caplog: pytest.LogCaptureFixture
) -> None:
    await laptop.prepare()
    guarded.refusal = refusal
    engine = asyncio.create_task(
        Engine(replace(laptop.ports, resources=guarded), name="engine", sweep_seconds=0.02).run()
    )
    laptop.start_workers()
    await laptop.ended(await laptop.apply(build_project("before", task("a"))))
    ref = await laptop.apply(build_project(NAME, task("a")))

    async def asked_again_and_again() -> bool:
        return guarded.asked > 5

    await eventually(asked_again_and_again)
    other = await laptop.apply(build_project("other", task("a")))
    assert (await laptop.ended(other)).phase is ProjectPhase.SUCCEEDED
    guarded.refusal = None  # of which no change tells
    assert (await laptop.ended(ref)).phase is ProjectPhase.SUCCEEDED
    assert [record.message for record in caplog.records if record.message.startswith("cannot read")] == [
        f"cannot read {ref}; it stays as it was last read until that works again: {refusal}"
    ]
    await laptop.stop(engine)


async def test_a_store_that_is_damaged_ends_the_engine_with_what_it_says(laptop: Laptop, guarded: Guarded) -> None:
    await laptop.prepare()
    guarded.refusal = guarded.damage = EnvironmentProblemError("resources.db is damaged")
    await laptop.apply(build_project(NAME, task("a")))
    engine = Engine(replace(laptop.ports, resources=guarded), name="engine", sweep_seconds=0.02)
    with pytest.raises(ExceptionGroup) as ended:
        await asyncio.wait_for(engine.run(), 10)
    assert ended.group_contains(EnvironmentProblemError, match="is damaged")
