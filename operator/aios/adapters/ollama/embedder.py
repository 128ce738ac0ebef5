"""OllamaEmbedder: texts in, vectors out, for the search by meaning in what a team remembers."""

from collections.abc import Sequence

from aios.adapters.ollama.connection import ApiKey, connected
from aios.adapters.ollama.failures import told
from aios.adapters.ollama.pulling import is_there, pull
from aios.errors import EnvironmentProblemError, ModelCallError, ServiceUnavailableError
from aios.spec.model import ModelSpec

SILENCE_SECONDS = 60.0


class OllamaEmbedder:
    """Uses a Model of provider Ollama whose `model` embeds, such as nomic-embed-text."""

    def __init__(self, spec: ModelSpec, api_key: ApiKey) -> None:
        self._spec, self._api_key = spec, api_key
        self._there = False

    async def embed(self, texts: Sequence[str]) -> Sequence[Sequence[float]]:
        """A vector for each text, in order. Ollama cuts texts beyond the model's window.

        Raises ServiceUnavailableError when Ollama does not answer, EnvironmentProblemError when it refuses, and
        MissingExtraError.
        """
        if not texts:
            return []
        try:
            return await self._embed(texts, await self._api_key())
        except ModelCallError as error:
            kind = ServiceUnavailableError if error.transient else EnvironmentProblemError
            raise kind(str(error)) from error

    async def _embed(self, texts: Sequence[str], key: str) -> Sequence[Sequence[float]]:
        spec = self._spec
        if not self._there:
            if not await is_there(spec, key):
                await pull(spec, key)
            self._there = True
        async with connected(spec, key, silence=SILENCE_SECONDS) as connection:
            with told(spec, connection, "embedding"):
                vectors = (await connection.client.embed(spec.model or "", list(texts))).embeddings
        if len(vectors) != len(texts):
            raise ModelCallError(f"Ollama gave {len(vectors)} vectors for {len(texts)} texts", transient=False)
        return vectors
