"""OpenAICompatibleEmbedder: vectors of a server of your own that speaks OpenAI's protocol: llama.cpp's, vLLM, TEI."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from aios.adapters.model_api import embedding
from aios.adapters.model_api.call import ApiKey, one_call
from aios.adapters.model_api.late_client import LateClient
from aios.adapters.openai_compatible.model import open_client, openai_vendor, sent_headers
from aios.errors import MissingExtraError, ModelCallError
from aios.ports.embedder import Vector
from aios.spec.model import ModelSpec
from aios.spec.vocabulary import Privacy

SECONDS = 60.0
LEAST = 0.5


class OpenAICompatibleEmbedder:
    """Embedder. A connection a call: it is used in any event loop."""

    def __init__(self, spec: ModelSpec, api_key: ApiKey, *, least: float = LEAST) -> None:
        self._spec, self._api_key, self._least = spec, api_key, least
        self._vendor = replace(openai_vendor(spec.model or "", spec), key_place=embedding.VARIABLE)

    @property
    def name(self) -> str:
        return f"openai/{self._spec.model}"

    @property
    def least(self) -> float:
        return self._least

    async def embed(self, texts: Sequence[str], privacy: Privacy) -> Sequence[Vector]:
        """See Embedder; `privacy` changes nothing, for the server is yours. Raises MissingExtraError too."""
        del privacy
        if not texts:
            return []
        try:
            return _vectors(await self._ask(texts), len(texts))
        except ModelCallError as error:
            raise embedding.told(error) from error
        except ModuleNotFoundError as error:
            raise MissingExtraError("models", "the embedder") from error

    async def _ask(self, texts: Sequence[str]) -> object:
        opened = LateClient(lambda: open_client(self._vendor, self._spec, SECONDS))
        try:
            async with one_call(self._vendor, self._api_key, seconds=SECONDS) as call:
                client = await opened.get()
                return await client.post(
                    "/embeddings",
                    body={"model": self._vendor.asked, "input": list(texts), "encoding_format": "float"},
                    cast_to=object,
                    options={"headers": sent_headers(call.key, {})},
                )
        finally:
            await opened.close()


def _vectors(answer: object, count: int) -> Sequence[Vector]:
    """By `index`, which the protocol states so that the order need not be kept."""
    data = answer.get("data") if isinstance(answer, Mapping) else None
    try:
        ordered = sorted(data or (), key=lambda one: int(one["index"]))
        vectors = [[float(number) for number in one["embedding"]] for one in ordered]
    except (TypeError, ValueError, KeyError, AttributeError):
        vectors = []
    if len(vectors) != count:
        raise ModelCallError(f"the answer holds {len(vectors)} vectors for {count} texts", transient=False)
    return vectors
