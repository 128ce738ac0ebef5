"""Memories about topics, each said in other words, and questions in yet others: the same ones in every run.

A topic is a few concepts, a concept a few words of equal meaning. Which words mean the same is known to the embedder
alone, as it is to a real model: a search by words finds those memories that happen to use a word of the question. Such
a corpus favours meaning: alone it finds nearly everything, and every common word of a question costs the fusion some.
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from aios.ports.knowledge import Memory
from aios.spec.vocabulary import Privacy

A_TOPIC = 10
"""Memories that a question wants: as many as recall@10 can hold."""
CONCEPTS = 4
WORDS = 6
"""Of equal meaning."""
COMMON = tuple(f"filler{number}" for number in range(40))
"""Words that stand anywhere and mean nothing."""


@dataclass(frozen=True, slots=True)
class Question:
    """`wanted`: the texts that answer it."""

    text: str
    wanted: frozenset[str]


@dataclass(frozen=True, slots=True)
class Corpus:
    """`hidden` is about the same topics and must never be found: it is more secret than who asks is cleared for."""

    memories: Sequence[Memory]
    hidden: Sequence[Memory]
    questions: Sequence[Question]
    same: Mapping[str, str]
    """Words to the concept they mean."""


def made(topics: int) -> Corpus:
    """`topics` times ten memories, as many hidden, and a question a topic."""
    dice = random.Random(20_261_127)  # the same corpus in every run, no secret
    memories: list[Memory] = []
    hidden: list[Memory] = []
    questions: list[Question] = []
    for topic in range(topics):
        different = list(dict.fromkeys(_said(dice, topic, CONCEPTS, 2) for _ in range(4 * A_TOPIC)))
        said, secret = different[:A_TOPIC], different[A_TOPIC : 2 * A_TOPIC]
        memories += [Memory(text, Privacy.INTERNAL, "bench") for text in said]
        hidden += [Memory(text, Privacy.RESTRICTED, "bench") for text in secret]
        questions.append(Question(_said(dice, topic, CONCEPTS - 1, 1), frozenset(said)))
    same = {
        _word(topic, concept, word): f"concept{topic}x{concept}"
        for topic in range(topics)
        for concept in range(CONCEPTS)
        for word in range(WORDS)
    }
    return Corpus(memories, hidden, questions, same)


def _said(dice: random.Random, topic: int, concepts: int, fillers: int) -> str:
    about = [_word(topic, concept, dice.randrange(WORDS)) for concept in dice.sample(range(CONCEPTS), concepts)]
    words = about + dice.sample(COMMON, fillers)
    dice.shuffle(words)
    return " ".join(words)


def _word(topic: int, concept: int, word: int) -> str:
    return f"w{topic}x{concept}x{word}"
