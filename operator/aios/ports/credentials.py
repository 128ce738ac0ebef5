"""Credentials: the keys of models' providers, found where they are used, shown nowhere."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from aios.spec.base import SecretKeyRef


@dataclass(frozen=True, slots=True)
class Credential:
    """A key and where it was found; `source` may be shown, `value` never."""

    value: str = field(repr=False)
    source: str


class Credentials(Protocol):
    """Looks a key up anew at each call, so that a rotated key needs no restart."""

    async def find(self, namespace: str, ref: SecretKeyRef | None, variable: str) -> Credential | None:
        """The key that `ref` points to, else the vendor's environment `variable` ("" has none); None: there is none.

        Raises ServiceUnavailableError when the place it would be in does not answer.
        """
        ...

    def places(self, namespace: str, ref: SecretKeyRef | None, variable: str) -> Sequence[str]:
        """Where `find` looks, in its order, as a person would put a key there; empty: nowhere."""
        ...
