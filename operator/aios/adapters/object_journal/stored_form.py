"""How objects of the journal look as bytes: compact JSON that states its format; what is none of ours is refused."""

import json
from collections.abc import Mapping
from typing import Literal, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from aios.errors import EnvironmentProblemError


class Body(BaseModel):
    """What every object of a journal states."""

    model_config = ConfigDict(strict=True, frozen=True)

    v: Literal[1]


B = TypeVar("B", bound=Body)


def to_bytes(fields: Mapping[str, object]) -> bytes:
    """Raises ValueError or TypeError when a value is no JSON."""
    return json.dumps({"v": 1, **fields}, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


def from_bytes(kind: type[B], key: str, data: bytes) -> B:
    """Raises EnvironmentProblemError when the object at `key` is none of this version's."""
    try:
        return kind.model_validate_json(data)
    except ValidationError as error:
        raise EnvironmentProblemError(
            f"object {key} is no part of a journal of this version: give the journal a bucket of its own, "
            f"or use the version that wrote it ({error})"
        ) from error
