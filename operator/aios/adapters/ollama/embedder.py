"""OllamaEmbedder: texts in, vectors out, for the search by meaning in what a team remembers."""

import time
from collections.abc import Callable, Sequence

from aios.adapters.model_api import embedding
from aios.adapters.ollama.connection import ApiKey, connected
from aios.adapters.ollama.failures import MissingModelError, told
from aios.adapters.ollama.presence import Presence
from aios.errors import ModelCallError
from aios.ports.embedder import Vector
from aios.spec.model import ModelSpec
from aios.spec.vocabulary import Privacy

SILENCE_SECONDS = 60.0
LEAST = 0.5


class OllamaEmbedder:
    """Embedder. Uses a Model of provider Ollama whose `model` embeds, such as nomic-embed-text."""

    def __init__(
        self,
        spec: ModelSpec,
        api_key: ApiKey,
        *,
        least: float = LEAST,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """`now`: seconds of a monotonic clock."""
        self._spec, self._api_key, self._least = spec, api_key, least
        self._presence = Presence(spec, now=now)

    @property
    def name(self) -> str:
        """With the tag that Ollama takes where none is stated: both names mean one model."""
        model = self._spec.model or ""
        return f"ollama/{model}" if ":" in model.rpartition("/")[2] else f"ollama/{model}:latest"

    @property
    def least(self) -> float:
        return self._least

    async def embed(self, texts: Sequence[str], privacy: Privacy) -> Sequence[Vector]:
        """A vector for each text, in order. Ollama cuts texts beyond the model's window.

        `privacy` changes nothing: whatever is here may see everything, for a model that Ollama passes on to somebody
        else's machine is refused. Raises ServiceUnavailableError when Ollama does not answer, EnvironmentProblemError
        when it refuses, and MissingExtraError.
        """
        del privacy
        if not texts:
            return []
        try:
            return await self._embed(texts, await self._api_key())
        except ModelCallError as error:
            raise embedding.told(error) from error

    async def _embed(self, texts: Sequence[str], key: str) -> Sequence[Vector]:
        spec = self._spec
        await self._presence.ensure(key)
        try:
            async with connected(spec, key, silence=SILENCE_SECONDS) as connection:
                with told(spec, connection, "embedding"):
                    vectors = (await connection.client.embed(spec.model or "", list(texts))).embeddings
        except MissingModelError:
            self._presence.lost()
            raise
        if len(vectors) != len(texts):
            raise ModelCallError(f"Ollama gave {len(vectors)} vectors for {len(texts)} texts", transient=False)
        return vectors
