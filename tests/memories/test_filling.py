"""Whose memories are looked through for some without a meaning, and when."""

from qdrant_client.models import Record

from aios.errors import ServiceUnavailableError
from aios.memories.filling import AT_ONCE, LOOK_AGAIN_SECONDS, Filling
from aios.memories.meaning import Dense
from aios.memories.points import to_point
from aios.ports.knowledge import Memory
from aios.spec.vocabulary import Privacy
from tests.memories.embedders import HashingEmbedder, UnsteadyEmbedder

DENSE = Dense("meaning-1", (1.0,), 0.5)


def _records(*texts: str) -> list[Record]:
    points = [to_point("default", "red", Memory(text, Privacy.INTERNAL, "")) for text in texts]
    return [Record(id=point.id, payload=point.payload) for point in points]


async def test_a_team_is_looked_through_until_few_are_left_and_again_after_a_while() -> None:
    now = 0.0
    filling = Filling(HashingEmbedder(), clock=lambda: now)
    await filling.fill("default", "red", DENSE, _records(*(f"text {number}" for number in range(AT_ONCE))))
    assert not filling.is_whole("default", "red", DENSE)
    assert len(await filling.fill("default", "red", DENSE, _records("last"))) == 1
    assert filling.is_whole("default", "red", DENSE)
    assert not filling.is_whole("default", "blue", DENSE)
    now = LOOK_AGAIN_SECONDS + 1
    assert not filling.is_whole("default", "red", DENSE)


async def test_a_memory_stored_without_its_meaning_opens_its_team_alone() -> None:
    filling = Filling(HashingEmbedder())
    for team in ("red", "blue"):
        await filling.fill("default", team, DENSE, [])
    filling.reopen("default", "red")
    assert [filling.is_whole("default", team, DENSE) for team in ("red", "blue")] == [False, True]


async def test_an_embedder_that_is_away_leaves_the_team_open() -> None:
    embedder = UnsteadyEmbedder()
    embedder.trouble = ServiceUnavailableError("away")
    filling = Filling(embedder)
    assert await filling.fill("default", "red", DENSE, _records("text")) == []
    assert not filling.is_whole("default", "red", DENSE)


async def test_texts_without_any_meaning_do_not_keep_the_team_open_for_ever() -> None:
    filling = Filling(HashingEmbedder())
    assert await filling.fill("default", "red", DENSE, _records(*(" " * n for n in range(1, AT_ONCE + 1)))) == []
    assert filling.is_whole("default", "red", DENSE)
