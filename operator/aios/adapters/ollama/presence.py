"""Whether the daemon still has the model, and still runs it itself.

`ollama cp` and `ollama pull` can put another model under a name at any time, one in Ollama's cloud too: so what was
pulled is looked at, and a model that is said to be Local is looked at again every few minutes.
"""

import time
from collections.abc import Callable

from aios.adapters.ollama.pulling import is_there, pull
from aios.errors import ModelCallError
from aios.spec.model import ModelSpec
from aios.spec.vocabulary import Locality

LOOK_AGAIN_SECONDS = 180.0


class Presence:
    """Of one model at one daemon."""

    def __init__(self, spec: ModelSpec, *, now: Callable[[], float] = time.monotonic) -> None:
        """`now`: seconds of a monotonic clock."""
        self._spec, self._now = spec, now
        self._seen: float | None = None

    async def ensure(self, key: str) -> None:
        """Look for the model unless it was seen lately, and pull it if it is not there. Raises ModelCallError, also of
        a model that is said to be Local and is not."""
        if self._known():
            return
        if not await is_there(self._spec, key):
            await pull(self._spec, key)
            if not await is_there(self._spec, key):
                raise ModelCallError(f"Ollama pulled {self._spec.model} and does not have it", transient=True)
        self._seen = self._now()

    def lost(self) -> None:
        """Somebody has removed it: the next call looks again."""
        self._seen = None

    def _known(self) -> bool:
        if self._seen is None:
            return False
        return self._spec.effective_locality is not Locality.LOCAL or self._now() - self._seen < LOOK_AGAIN_SECONDS
