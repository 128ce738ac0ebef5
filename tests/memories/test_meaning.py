"""What texts mean, or nothing in time: a search is never held up and never fails by its embedder."""

import asyncio
import logging
import math

import pytest

from aios.errors import EnvironmentProblemError, ServiceUnavailableError
from aios.memories.meaning import LONGEST, Meaning, vector_name
from aios.spec.vocabulary import Privacy
from tests.memories.embedders import HashingEmbedder, UnsteadyEmbedder

PUBLIC = Privacy.PUBLIC


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


async def test_a_text_gets_the_vector_of_its_model_and_length() -> None:
    dense = await Meaning(HashingEmbedder(dimensions=8)).of("port", PUBLIC)
    assert dense is not None
    assert (dense.vector, len(dense.values), dense.least) == (vector_name("hashing/test", 8), 8, 0.5)


def test_vectors_of_two_models_or_lengths_never_mix() -> None:
    assert len({vector_name("a", 8), vector_name("a", 16), vector_name("b", 8)}) == 3


async def test_of_a_long_text_the_beginning_is_embedded() -> None:
    embedder = HashingEmbedder()
    await Meaning(embedder).of("x" * (LONGEST + 1), PUBLIC)
    assert embedder.asked == [(("x" * LONGEST,), PUBLIC)]


@pytest.mark.parametrize("trouble", [ServiceUnavailableError("away"), EnvironmentProblemError("no such model")])
async def test_an_embedder_that_fails_is_left_alone_for_a_while_and_told_of_once(
    trouble: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    embedder, clock = UnsteadyEmbedder(), Clock()
    meaning = Meaning(embedder, rest=30, clock=clock)
    embedder.trouble = trouble
    with caplog.at_level(logging.WARNING):
        for clock.now in (0, 1, 29, 31, 62):
            assert await meaning.of("port", PUBLIC) is None
    assert len(embedder.asked) == 3
    assert [record.getMessage() for record in caplog.records if str(trouble) in record.getMessage()] == [
        f"memories are searched by their words alone until the embedder answers: {trouble}"
    ]


async def test_it_is_asked_again_after_the_rest_and_the_next_failure_is_told_anew(
    caplog: pytest.LogCaptureFixture,
) -> None:
    embedder, clock = UnsteadyEmbedder(), Clock()
    meaning = Meaning(embedder, rest=30, clock=clock)
    for clock.now, trouble in ((0, ServiceUnavailableError("away")), (31, None), (32, ServiceUnavailableError("away"))):
        embedder.trouble = trouble
        assert (await meaning.of("port", PUBLIC) is None) == (trouble is not None)
    assert len([record for record in caplog.records if record.levelno == logging.WARNING]) == 2


async def test_a_slow_embedder_holds_nobody_up_and_goes_on_with_what_it_was_asked() -> None:
    embedder, clock = UnsteadyEmbedder(), Clock()
    embedder.free.clear()
    meaning = Meaning(embedder, patience=0.01, rest=30, clock=clock)
    assert await meaning.of("one", PUBLIC) is None
    clock.now = 31
    assert await meaning.of("two", PUBLIC) is None
    assert [texts for texts, _ in embedder.asked] == [("one",)]
    embedder.free.set()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert await meaning.of("three", PUBLIC) is not None


async def test_closing_lets_go_of_a_question_that_nobody_waits_for() -> None:
    embedder = UnsteadyEmbedder()
    embedder.free.clear()
    meaning = Meaning(embedder, patience=0.01)
    assert await meaning.of("one", PUBLIC) is None
    before = asyncio.all_tasks()
    meaning.close()
    await asyncio.wait(before - {asyncio.current_task()}, timeout=5)
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_who_is_cancelled_leaves_no_question_behind() -> None:
    embedder = UnsteadyEmbedder()
    embedder.free.clear()
    asking = asyncio.ensure_future(Meaning(embedder).of("one", PUBLIC))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert embedder.asked
    asking.cancel()
    await asyncio.wait({asking})
    await asyncio.sleep(0)
    assert asyncio.all_tasks() == {asyncio.current_task()}


@pytest.mark.parametrize("values", [(), (0.0, 0.0), (math.nan, 1.0), (math.inf, 1.0)])
async def test_what_is_no_direction_is_no_meaning(values: tuple[float, ...]) -> None:
    class Odd(HashingEmbedder):
        def vector(self, text: str) -> tuple[float, ...]:
            return values

    assert await Meaning(Odd()).of("port", PUBLIC) is None
