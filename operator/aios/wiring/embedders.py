"""Who embeds: by URL, like every port. Without one, memories are found by their words alone.

Memories may be Restricted. What embeds them reads them, so it runs on a machine of yours: an address or a name that no
stranger can have, or one that the URL itself says is yours. Hosts and model names that are known to be somebody else's
cloud are refused, whatever is said of them.
"""

from dataclasses import dataclass, field
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

from pydantic import ValidationError

from aios.adapters.model_api.embedding import VARIABLE, told
from aios.errors import EnvironmentProblemError, ModelCallError
from aios.memories.cached_embedder import CachedEmbedder
from aios.ports.embedder import Embedder
from aios.ports.probe import Probe
from aios.ports.sessions import Sessions
from aios.spec.model import ModelSpec
from aios.spec.vocabulary import Locality, Provider
from aios.wiring.instrument import Instrument, as_they_are
from aios.wiring.own_hosts import SUFFIXES, is_own

FORM = "ollama+http[s]://[:KEY@]HOST:PORT/MODEL or openai+http[s]://[:KEY@]HOST:PORT/v1/MODEL[?least=0.6&mine=yes]"
PROVIDERS = {"ollama": Provider.OLLAMA, "openai": Provider.OPENAI_COMPATIBLE}
LEAST = 0.5
"""The cosine from which texts count as alike. Models differ: `?least=0.6` states another."""


@dataclass(frozen=True, slots=True)
class Stated:
    """What the URL says."""

    spec: ModelSpec
    key: str = field(repr=False)
    least: float

    async def api_key(self) -> str:
        """As the adapters ask for it."""
        return self.key


def open_embedder(url: str, sessions: Sessions, instrument: Instrument = as_they_are) -> Embedder | None:
    """None without a URL. Nothing is connected yet; `sessions` keep what was embedded lately.

    Raises EnvironmentProblemError when the URL is no embedder's, or one of somebody else's machines.
    """
    return CachedEmbedder(instrument("embeddings", _embedder(read_url(url))), sessions) if url else None


async def probe_embedder(url: str) -> Probe:
    """What `aios doctor` asks: whether it is there and embeds. Raises AiosError."""
    stated = read_url(url)
    try:
        if stated.spec.provider is Provider.OLLAMA:
            from aios.adapters.ollama.probe import probe_embedder as ollama

            return await ollama(stated.spec, stated.api_key)
        from aios.adapters.openai_compatible.probe import probe as openai_compatible

        return await openai_compatible(stated.spec, stated.api_key)
    except ModelCallError as error:
        raise told(error) from error


def read_url(url: str) -> Stated:
    """Raises EnvironmentProblemError; what is wrong is told without the URL, which may hold a key."""
    try:
        parts = urlsplit(url)
        protocol, _, scheme = parts.scheme.partition("+")
        base, model = _base_and_model(protocol, unquote(parts.path))
        options = parse_qs(parts.query, strict_parsing=bool(parts.query))
        least = float(options.pop("least", [str(LEAST)])[0])
        mine = options.pop("mine", [""])
        if options or not model or mine not in ([""], ["yes"]):
            raise ValueError("an option nobody knows, or no model")
        spec = ModelSpec(
            provider=PROVIDERS[protocol],
            model=model,
            endpoint=f"{scheme}://{_address(parts)}{base}",
            locality=Locality.LOCAL,
            call_timeout="60s",
        )
    except (ValueError, KeyError, ValidationError) as error:
        raise EnvironmentProblemError(f"{VARIABLE} is not of the form {FORM}") from error
    if not 0 <= least < 1:
        raise EnvironmentProblemError(f"{VARIABLE}: least is a cosine from 0 to below 1, such as ?least=0.6")
    if spec.known_cloud:
        raise EnvironmentProblemError(
            f"{VARIABLE} names somebody else's cloud ({spec.known_cloud}): memories may be Restricted and do not leave "
            "your machines. Name a model that runs on one, such as ollama+http://127.0.0.1:11434/nomic-embed-text"
        )
    if mine != ["yes"] and not is_own(spec.host):
        raise EnvironmentProblemError(
            f"{VARIABLE}: nothing shows that {spec.host} is a machine of yours, and memories may be Restricted and do "
            "not leave those. If it is one, say so: put mine=yes behind a ? at the URL's end (behind a & if there is a "
            f"? already). Without it: private IP addresses, names without a dot, names in {', '.join(SUFFIXES)}"
        )
    return Stated(spec, unquote(parts.password or ""), least)


def _base_and_model(protocol: str, path: str) -> tuple[str, str]:
    """OpenAI's API lives below /v1, wherever a server puts that; Ollama's at the root."""
    if protocol == "ollama":
        return "", path.strip("/")
    base, found, model = path.partition("/v1/")
    if not found:
        raise ValueError(path)
    return f"{base}/v1", model.strip("/")


def _address(parts: SplitResult) -> str:
    host = parts.hostname or ""
    return f"{f'[{host}]' if ':' in host else host}{f':{parts.port}' if parts.port else ''}"


def _embedder(stated: Stated) -> Embedder:
    if stated.spec.provider is Provider.OLLAMA:
        from aios.adapters.ollama.embedder import OllamaEmbedder

        return OllamaEmbedder(stated.spec, stated.api_key, least=stated.least)
    from aios.adapters.openai_compatible.embedder import OpenAICompatibleEmbedder

    return OpenAICompatibleEmbedder(stated.spec, stated.api_key, least=stated.least)
