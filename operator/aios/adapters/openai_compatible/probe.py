"""What `aios doctor` asks of a server that speaks OpenAI's protocol. It spends nothing."""

import importlib.util

from aios.adapters.model_api.call import ApiKey
from aios.adapters.model_api.listing import SECONDS, probe_listing
from aios.adapters.openai_compatible.model import open_client, openai_vendor, sent_headers
from aios.errors import MissingExtraError
from aios.ports.probe import Probe
from aios.spec.model import ModelSpec


async def probe(spec: ModelSpec, api_key: ApiKey) -> Probe:
    """Raises ServiceUnavailableError when it does not answer, MissingExtraError without the library."""
    if importlib.util.find_spec("openai") is None:
        raise MissingExtraError("models", "the provider OpenAICompatible")
    vendor = openai_vendor(spec.model or "", spec)
    client = open_client(vendor, spec, SECONDS)

    async def models(key: str) -> object:
        return await client.get("/models", cast_to=object, options={"headers": sent_headers(key, {})})

    try:
        return await probe_listing(vendor, api_key, models)
    finally:
        await client.close()
