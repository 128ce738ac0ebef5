"""Getting a model that the daemon does not have yet. It is no call: nothing is asked of the model, nothing is charged.

Replicas that pull at the same time are joined by Ollama. What was fetched stays: a pull that is interrupted goes on
from there.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from contextlib import aclosing
from http import HTTPStatus
from typing import TYPE_CHECKING

from aios.adapters.ollama.connection import connected, endpoint
from aios.adapters.ollama.failures import told
from aios.errors import ModelCallError
from aios.spec.model import ModelSpec
from aios.spec.vocabulary import Locality

if TYPE_CHECKING:
    from ollama import ProgressResponse

logger = logging.getLogger(__name__)

PULL_SECONDS = 2 * 3600.0
SILENCE_SECONDS = 300.0
"""A pull that says nothing for so long is given up; checking a large file takes a while."""
TELL_EVERY = 5.0
UNKNOWN = ("file does not exist", "not found", "invalid model name")
"""What Ollama says of names its library does not have."""
OUTDATED = "requires a newer version"
"""What the library says to a daemon that cannot run the model."""


async def is_there(spec: ModelSpec, api_key: str) -> bool:
    """Whether the daemon has the model. Raises ModelCallError when it does not answer, or has one that is said to be
    Local and is a name for somebody else's."""
    async with connected(spec, api_key, silence=SILENCE_SECONDS) as connection:
        from ollama import ResponseError

        with told(spec, connection, "looking for the model"):
            try:
                await connection.client.show(spec.model or "")
            except ResponseError as error:
                if error.status_code == HTTPStatus.NOT_FOUND:
                    return False
                if error.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR:
                    raise
                # A proxy may pass on nothing but chat: the call itself will tell.
        _require_local(spec, connection.remote)
    return True


def _require_local(spec: ModelSpec, remote: str) -> None:
    # `ollama cp` gives a cloud model any name, so the name alone proves nothing.
    if remote and spec.effective_locality is Locality.LOCAL:
        raise ModelCallError(
            f"Ollama passes calls of {spec.model} on to {remote}: that is a Cloud model. Nothing was sent. State "
            "spec.locality Cloud and its prices, or use a model that runs on the machine",
            transient=False,
        )


async def pull(spec: ModelSpec, api_key: str, *, seconds: float = PULL_SECONDS) -> None:
    """Fetch the model, telling in the log how far it is. Raises ModelCallError."""
    model = spec.model or ""
    logger.warning("model %s is not there yet: Ollama at %s pulls it now", model, endpoint(spec))
    try:
        async with asyncio.timeout(seconds), connected(spec, api_key, silence=SILENCE_SECONDS) as connection:
            with told(spec, connection, f"the pull of {model}"):
                await _follow(await connection.client.pull(model, stream=True), model)
    except TimeoutError as error:
        raise ModelCallError(f"the pull of {model} did not end within {seconds:g} s", transient=True) from error
    except ModelCallError as error:
        raise _failed(model, error) from error
    logger.warning("model %s is there", model)


def _failed(model: str, error: ModelCallError) -> ModelCallError:
    """A pull's failure is never charged, and final where the library has no such model."""
    unknown, outdated = any(words in str(error) for words in UNKNOWN), OUTDATED in str(error)
    advice = f"; is spec.model right? `ollama pull {model}` says the same" if unknown else ""
    if outdated:
        advice = "; upgrade Ollama there"
    final = unknown or outdated
    return ModelCallError(f"cannot pull {model}: {error}{advice}", transient=error.transient and not final)


async def _follow(parts: "AsyncIterator[ProgressResponse]", model: str) -> None:
    layers: dict[str, tuple[int, int]] = {}
    told_at, ended = time.monotonic(), False
    async with aclosing(parts) as progress:  # type: ignore[type-var]  # the library's annotation hides the generator
        async for part in progress:
            ended = part.status == "success"
            if part.digest:
                layers[part.digest] = part.completed or 0, part.total or 0
            if time.monotonic() - told_at >= TELL_EVERY:
                told_at = time.monotonic()
                logger.warning("pulling %s: %s", model, _how_far(layers) or part.status)
    if not ended:
        raise ModelCallError(f"the pull of {model} broke off at {_how_far(layers) or 'its start'}", transient=True)


def _how_far(layers: dict[str, tuple[int, int]]) -> str:
    done, total = (sum(numbers) for numbers in zip(*layers.values(), strict=True)) if layers else (0, 0)
    return f"{100 * done // total} % of {total / 1e9:.1f} GB" if total else ""
