"""What is shown is written once, until it is something else or was forgotten."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest

from aios.projects.mirror_writer import MirrorWriter
from aios.spec.base import Kind, Ref
from aios.spec.project import RunStatus
from aios.spec.vocabulary import ProjectPhase

pytestmark = pytest.mark.usefixtures("skipped_time")
REF = Ref(Kind.PROJECT, "default", "word-count")
ENDED = RunStatus(id="default/word-count/1", phase=ProjectPhase.SUCCEEDED, sequence=7)


@dataclass
class Resources:
    written: list[RunStatus] = field(default_factory=list)

    async def write_run(self, ref: Ref, run: RunStatus) -> bool:
        assert ref == REF
        self.written.append(run)
        return True


@pytest.fixture
def resources() -> Resources:
    return Resources()


@pytest.fixture
async def mirror(resources: Resources) -> AsyncIterator[MirrorWriter]:
    made = MirrorWriter(resources)  # type: ignore[arg-type]  # the part that is used
    running = asyncio.create_task(made.run(lambda _: asyncio.sleep(0.001)))
    yield made
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def shown(mirror: MirrorWriter) -> None:
    mirror.show(REF, "uid", ENDED)
    await asyncio.sleep(0.05)


async def test_the_same_again_is_not_written_again(mirror: MirrorWriter, resources: Resources) -> None:
    for _ in range(3):
        await shown(mirror)
    assert resources.written == [ENDED]


async def test_what_was_forgotten_is_compared_with_what_is_stored(mirror: MirrorWriter, resources: Resources) -> None:
    await shown(mirror)
    mirror.forget(REF)
    await shown(mirror)
    assert resources.written == [ENDED, ENDED]


async def test_what_waits_is_written_though_it_is_forgotten(mirror: MirrorWriter, resources: Resources) -> None:
    mirror.show(REF, "uid", ENDED)
    mirror.forget(REF)
    await asyncio.sleep(0.05)
    assert resources.written == [ENDED]
