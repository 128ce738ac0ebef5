"""What `aios doctor` asks of an Ollama daemon: its version, and whether it has the model and the model what we need."""

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from aios.adapters.model_api.vendor import is_loopback
from aios.adapters.ollama.connection import ApiKey, connected, endpoint
from aios.adapters.ollama.failures import told
from aios.adapters.ollama.pulling import is_there
from aios.adapters.ollama.request import window
from aios.ports.probe import Probe
from aios.spec.model import ModelSpec

if TYPE_CHECKING:
    from ollama import ShowResponse

SILENCE_SECONDS = 5.0
Judge = Callable[[ModelSpec, "ShowResponse"], tuple[tuple[str, ...], tuple[str, ...]]]
"""What is worth knowing of a model, and what is wrong with it."""


async def probe(spec: ModelSpec, api_key: ApiKey) -> Probe:
    """Loads nothing and pulls nothing. Raises ModelCallError when nothing answers, and MissingExtraError."""
    return await _probe(spec, api_key, _judge)


async def probe_embedder(spec: ModelSpec, api_key: ApiKey) -> Probe:
    """`probe` of a model that is to embed."""
    return await _probe(spec, api_key, _judge_embedder)


async def _probe(spec: ModelSpec, api_key: ApiKey, judge: "Judge") -> Probe:
    key = await api_key()
    started = time.monotonic()
    async with connected(spec, key, silence=SILENCE_SECONDS) as connection:
        with told(spec, connection, "the question for its version"):
            version = await _version(spec, key)
            milliseconds = 1000 * (time.monotonic() - started)
        if not await is_there(spec, key):
            problem = f"{spec.model} is not there: `ollama pull {spec.model}`, or the first call pulls it"
            return Probe("Ollama", version, milliseconds, problems=(problem,))
        with told(spec, connection, "the question for the model"):
            details, problems = judge(spec, await connection.client.show(spec.model or ""))
    return Probe("Ollama", version, milliseconds, (f"{spec.model} is there", *details), problems)


async def _version(spec: ModelSpec, key: str) -> str:
    # Ollama's library has no such call.
    import httpx

    headers = {"Authorization": f"Bearer {key}"} if key else {}
    where = endpoint(spec)
    async with httpx.AsyncClient(timeout=SILENCE_SECONDS, headers=headers, trust_env=not is_loopback(where)) as client:
        response = await client.get(f"{where}/api/version")
    return str(response.json().get("version", "")) if response.is_success else ""


def _judge(spec: ModelSpec, shown: "ShowResponse") -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What is worth knowing of the model, and what is wrong with it."""
    made_for = _found(shown.modelinfo or {}, ".context_length")
    details = (f"window {window(spec):,} of {made_for:,} tokens",) if made_for else ()
    problems = []
    if made_for and window(spec) > made_for:
        problems.append(f"contextWindow {window(spec):,} is more than {spec.model} was made for ({made_for:,})")
    if not _uses_tools(shown):
        problems.append(f"{spec.model} cannot use tools: `ollama show {spec.model}` lists what a model is capable of")
    return details, tuple(problems)


def _judge_embedder(spec: ModelSpec, shown: "ShowResponse") -> tuple[tuple[str, ...], tuple[str, ...]]:
    length = _found(shown.modelinfo or {}, ".embedding_length")
    details = (f"vectors of {length:,} numbers",) if length else ()
    embeds = shown.capabilities is None or "embedding" in shown.capabilities
    problem = f"{spec.model} is not made to embed: name one that is, such as nomic-embed-text"
    return details, () if embeds else (problem,)


def _found(info: Mapping[str, object], field: str) -> int:
    found = next((value for name, value in info.items() if name.endswith(field)), 0)
    return found if isinstance(found, int) else 0


def _uses_tools(shown: "ShowResponse") -> bool:
    """True also for daemons too old to say."""
    return shown.capabilities is None or "tools" in shown.capabilities
