"""What `aios doctor` asks of Anthropic, or of what speaks its protocol. It spends nothing."""

import importlib.util

from aios.adapters.anthropic.model import anthropic_vendor, open_client, sent_headers
from aios.adapters.model_api.call import ApiKey
from aios.adapters.model_api.listing import SECONDS, probe_listing
from aios.errors import MissingExtraError
from aios.ports.probe import Probe
from aios.spec.model import ModelSpec


async def probe(spec: ModelSpec, api_key: ApiKey) -> Probe:
    """Raises ServiceUnavailableError when it does not answer, MissingExtraError without the library."""
    if importlib.util.find_spec("anthropic") is None:
        raise MissingExtraError("models", "the provider Anthropic")
    vendor = anthropic_vendor(spec.model or "", spec)
    client = open_client(vendor, spec, SECONDS)

    async def models(key: str) -> object:
        headers = sent_headers(client, key, {})
        return await client.get("/v1/models", cast_to=object, options={"headers": headers, "params": {"limit": 1000}})

    try:
        return await probe_listing(vendor, api_key, models)
    finally:
        await client.close()
