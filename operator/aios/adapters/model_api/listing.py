"""What `aios doctor` asks of a provider: its list of models, which costs nothing and shows whether the key is taken and
the model known."""

import statistics
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from aios.adapters.model_api.call import ApiKey, one_call
from aios.adapters.model_api.vendor import Vendor
from aios.errors import ModelCallError, ServiceUnavailableError
from aios.ports.probe import Probe

SECONDS = 15.0
ROUNDS = 3
NAMED = 8
"""Models that are named when the one in question is not among them."""

List = Callable[[str], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class Listing:
    """`models`: what the provider says it has, None if it lists none. `refusal`: why it did not say."""

    models: tuple[str, ...] | None
    milliseconds: float
    refusal: str = ""


async def probe_listing(vendor: Vendor, api_key: ApiKey, ask: List) -> Probe:
    """`ask(key)` gets the list. Raises ServiceUnavailableError when the provider does not answer."""
    listing = await _listing(vendor, api_key, ask)
    details, problems = _judged(vendor, listing)
    return Probe(
        service=vendor.service, version="", milliseconds=listing.milliseconds, details=details, problems=problems
    )


async def _listing(vendor: Vendor, api_key: ApiKey, ask: List) -> Listing:
    taken: list[float] = []
    found: object = None
    try:
        for _ in range(ROUNDS):
            async with one_call(vendor, api_key, seconds=SECONDS) as call:
                started = time.perf_counter()
                found = await ask(call.key)
                taken.append((time.perf_counter() - started) * 1000)
    except ModelCallError as error:
        if error.transient:
            raise ServiceUnavailableError(str(error)) from error
        return Listing(None, 0.0, str(error))
    return Listing(_names(found), statistics.median(taken))


def _judged(vendor: Vendor, listing: Listing) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Details and problems."""
    if listing.refusal:
        return (), (listing.refusal,)
    if listing.models is None:
        return ("it lists no models, so it is not known whether it has this one",), ()
    if vendor.asked in listing.models or not listing.models:
        return (f"{len(listing.models)} models",), ()
    some = ", ".join(listing.models[:NAMED]) + (", ..." if len(listing.models) > NAMED else "")
    return (), (f"it lists no model {vendor.asked} (spec.model); it has {some}",)


def _names(found: object) -> tuple[str, ...] | None:
    listed = found.get("data") if isinstance(found, Mapping) else None
    if not isinstance(listed, list):
        return None
    return tuple(str(item["id"]) for item in listed if isinstance(item, Mapping) and "id" in item)
