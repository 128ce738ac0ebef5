"""What went wrong between us and Ollama, as a ModelCallError that says what to do."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus

from pydantic import ValidationError

from aios.adapters.model_api.failures import LONGEST, STOPPED_WAITING
from aios.adapters.ollama.connection import Connection, endpoint
from aios.errors import ModelCallError
from aios.spec.model import ModelSpec
from aios.spec.vocabulary import shortened

MID_STREAM = -1
"""The library's status for an error that came within a stream."""
PASSING = {408, 425, 429}
TOO_LONG = (
    "exceeds the available context size",
    "exceed_context_size",
    "longer than the context length",
    "context length",
)
"""What Ollama's versions say of a prompt that does not fit, with a 400 or a 500."""
DENIED = {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}


class MissingModelError(ModelCallError):
    """The daemon does not have the model."""


@contextmanager
def told(spec: ModelSpec, connection: Connection, what: str) -> Iterator[None]:
    """Turns what httpx and Ollama's library raise within the block into ModelCallError. `what` was being done."""
    import httpx
    from ollama import ResponseError

    where = f"Ollama at {_shown(spec)}"
    try:
        yield
    except (ConnectionError, httpx.ConnectError, httpx.ConnectTimeout) as error:
        raise absent(spec) from error
    except httpx.TransportError as error:
        raise ModelCallError(
            f"{where}: the connection broke during {what} ({type(error).__name__})", transient=True, maybe_charged=True
        ) from error
    except (json.JSONDecodeError, ValidationError, AttributeError, TypeError) as error:
        # The library trusts what it is sent: a line that is no JSON object fails in its own code.
        raise ModelCallError(
            f"{where}: what came during {what} is not Ollama's protocol ({type(error).__name__})",
            transient=True,
            maybe_charged=True,
        ) from error
    except ResponseError as error:
        raise _refusal(where, error.error, error.status_code, connection.retry_after) from error


def absent(spec: ModelSpec) -> ModelCallError:
    """Nobody listens there."""
    return ModelCallError(
        f"nothing answers at {_shown(spec)}: start Ollama with `ollama serve` (to install it: "
        "https://ollama.com/download), or set spec.endpoint of the Model to where it runs",
        transient=True,
    )


def _refusal(where: str, message: str, status: int, retry_after: float | None) -> ModelCallError:
    within = status == MID_STREAM
    said = f"{where} {'failed while answering' if within else f'answered {status}'}: {shortened(message, LONGEST)}"
    if any(words in message for words in TOO_LONG):
        return ModelCallError(
            f"{said}. Raise spec.contextWindow (as far as the model was made for and memory allows) or give the task "
            "less to read",
            transient=False,
            maybe_charged=within,
        )
    if status in DENIED:
        return ModelCallError(
            f"{where} wants another API key ({status}): set spec.credentialsSecretRef of the Model", transient=False
        )
    if status == HTTPStatus.NOT_FOUND:
        return MissingModelError(said, transient=True)
    return ModelCallError(
        said,
        transient=within or status in PASSING or status >= 500,
        retry_after=retry_after,
        maybe_charged=within or status in STOPPED_WAITING,
    )


def _shown(spec: ModelSpec) -> str:
    """The address without credentials."""
    scheme, _, rest = endpoint(spec).partition("://")
    return f"{scheme}://{rest.rpartition('@')[2]}"
