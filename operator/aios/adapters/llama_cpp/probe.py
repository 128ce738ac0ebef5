"""What `aios doctor` asks of a model in this process, without loading it."""

import time
from importlib.metadata import PackageNotFoundError, version

from aios.adapters.llama_cpp.model import CONTEXT
from aios.adapters.llama_cpp.weights import weights
from aios.errors import MissingExtraError
from aios.ports.probe import Probe
from aios.spec.model import ModelSpec


async def probe(spec: ModelSpec) -> Probe:
    """Raises MissingExtraError, and ModelCallError when the file is absent or no GGUF file."""
    try:
        library = version("xllamacpp")
    except PackageNotFoundError as error:
        raise MissingExtraError("local", "the provider LlamaCpp") from error
    started = time.monotonic()
    path = weights(spec.model)
    size = path.stat().st_size / 1e6
    details = (f"{path.name}, {size:,.0f} MB", f"window {spec.context_window or CONTEXT:,} tokens")
    return Probe("llama.cpp", library, 1000 * (time.monotonic() - started), details)
