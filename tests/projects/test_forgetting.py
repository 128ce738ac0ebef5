"""A project that is deleted with its journal: nothing of it is left, whoever is late."""

import asyncio

from aios.ports.journal import Record
from aios.projects.engine import Engine
from aios.spec.vocabulary import DeletionPolicy, TaskPhase
from tests.projects.building import build_project, task
from tests.projects.laptop import Laptop

CHAIN = (task("a"), task("b", "a"))


async def test_a_forgotten_project_leaves_no_stream_and_fences_its_workers(laptop: Laptop) -> None:
    await laptop.prepare()
    engine, _ = laptop.start_engine()
    go_on = asyncio.Event()
    laptop.start_workers(held={"a": go_on})
    kept = await laptop.apply(build_project("kept", task("a")))
    ref = await laptop.apply(build_project("word-count", *CHAIN, deletion_policy=DeletionPolicy.DELETE))
    await laptop.claimed(ref, "a")
    await engine.forget("default", "word-count")
    await engine.forget("default", "word-count")
    await laptop.resources.delete(ref)
    go_on.set()
    await laptop.ended(kept)
    for prefix in ("runs/", "attempts/", "mail/"):
        assert not await laptop.journal.streams(f"{prefix}default/word-count/")
    assert await laptop.journal.streams("runs/default/kept/")


async def test_what_late_workers_wrote_of_a_project_is_forgotten_with_it(laptop: Laptop) -> None:
    for stream in ("attempts/default/word-count/abc/a/1", "mail/default/word-count/abc/writer", "runs/default/word/x"):
        await laptop.journal.append(stream, 0, [Record({"kind": "Claimed"})])
    await Engine(laptop.ports, name="another").forget("default", "word-count")
    assert tuple(await laptop.journal.streams("")) == ("runs/default/word/x",)


async def test_a_project_that_is_forgotten_is_in_no_other_engines_hands(laptop: Laptop) -> None:
    await laptop.prepare()
    _, driving = laptop.start_engine(sweep_seconds=0.05)
    ref = await laptop.apply(build_project("word-count", *CHAIN, deletion_policy=DeletionPolicy.DELETE))
    await laptop.until(ref, lambda status: any(one.phase is TaskPhase.RUNNING for one in status.tasks))
    await Engine(laptop.ports, name="another").forget("default", "word-count")
    await laptop.resources.delete(ref)
    await asyncio.sleep(0.5)  # several turns of the engine that drove it
    assert not driving.done()
    for prefix in ("runs/", "attempts/", "mail/"):
        assert not await laptop.journal.streams(f"{prefix}default/word-count/")
