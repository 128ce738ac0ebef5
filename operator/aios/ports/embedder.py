"""Embedder: texts in, vectors out, so that memories are found by what they mean and not only by their words.

Memories may be Restricted, so an embedder runs on machines you run; one in somebody else's cloud is refused before it
is made (`wiring/embedders.py`). It is never paid, so nothing is reserved or journaled.
"""

from collections.abc import Sequence
from typing import Protocol

from aios.spec.vocabulary import Privacy

Vector = Sequence[float]


class Embedder(Protocol):
    """Vectors of one model.

    Promises: equal texts get equal vectors up to rounding, whatever else is embedded beside them; vectors of equal
    `name` and length may be compared by cosine, and no others.
    """

    @property
    def name(self) -> str:
        """The protocol and the model, such as ollama/nomic-embed-text:latest; where it is served does not matter."""
        ...

    @property
    def least(self) -> float:
        """The cosine from which two texts count as alike, 0 to 1: without it everything resembles everything."""
        ...

    async def embed(self, texts: Sequence[str], privacy: Privacy) -> Sequence[Vector]:
        """A vector for each text, in order, all of one length. `privacy`: the strictest label among the texts.

        Raises ServiceUnavailableError when it does not answer and EnvironmentProblemError when it refuses.
        """
        ...
