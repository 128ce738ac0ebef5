"""Who is asked, as messages name it: our model, their model, the host, the place of the key. Never the key."""

import ipaddress
from dataclasses import dataclass
from urllib.parse import urlsplit

from aios.spec.model import ModelSpec


@dataclass(frozen=True, slots=True)
class Vendor:
    """One model at one endpoint."""

    service: str
    """The product or protocol: Anthropic, OpenAI-compatible."""
    model: str
    """Our name of the model."""
    asked: str
    """Their name of it."""
    endpoint: str
    """The base URL."""
    key_place: str
    """Where the key is looked for."""

    @property
    def host(self) -> str:
        """Host and port, without credentials."""
        return urlsplit(self.endpoint).netloc.rpartition("@")[2]

    def __str__(self) -> str:
        return f"model {self.model}: {self.service} ({self.asked} at {self.host})"


def is_loopback(url: str) -> bool:
    """Whether `url` is this machine: then no proxy of the environment's may stand between."""
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def vendor(name: str, spec: ModelSpec, *, service: str, endpoint: str, variable: str) -> Vendor:
    """Of the spec; `variable` is the environment's variable that may hold the vendor's key."""
    ref = spec.credentials_secret_ref
    places = [f"Secret {ref.name}, key {ref.key}"] if ref else []
    return Vendor(
        service=service,
        model=name,
        asked=spec.model or "",
        endpoint=endpoint,
        key_place=" or ".join([*places, variable]),
    )
