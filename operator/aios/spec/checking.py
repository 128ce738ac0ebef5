"""Plain data against a pydantic model, as strictly as the API server does, with the place of each fault.

Besides the verdict it makes a best guess at what was meant (`Checked.guess`): a misspelt field renamed, a bad optional
value left out. The guess is never used as a resource; it lets the loader look for the other mistakes in the same
document, so that all of them are reported at once.
"""

import copy
import json
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Generic, TypeVar

from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from aios.spec import shapes, wording
from aios.spec.faults import Fault
from aios.spec.positions import Path, Positions
from aios.spec.suggestions import nearest

T = TypeVar("T")
GUESSES = 4


@dataclass(frozen=True, slots=True)
class Checked(Generic[T]):
    """`value` when there is no fault. `guess`: what was probably meant, None when nobody can tell.

    `dropped` are the fields that the guess leaves out: a rule that misses them says nothing new.
    """

    value: T | None
    guess: T | None
    faults: tuple[Fault, ...]
    dropped: frozenset[Path] = frozenset()


def check(shape: type[T], data: object, positions: Positions) -> Checked[T]:
    """`data` as a `shape` (a model, or tuple[Model, ...]): unknown fields refused, nothing converted.

    A field with a default that is stated as null counts as not stated, as it does for the API server.
    """
    data = copy.deepcopy(data)
    value, errors = _validate(shape, data)
    if errors and _drop_nulls(shape, data, errors):
        value, errors = _validate(shape, data)
    if not errors:
        return Checked(value, value, ())
    faults = tuple(_faults(shape, errors, positions))
    guess, dropped = _guess(shape, data, errors)
    return Checked(None, guess, faults, dropped)


@lru_cache(maxsize=16)
def _adapter(shape: Hashable) -> TypeAdapter[Any]:
    return TypeAdapter(shape)  # type: ignore[arg-type]  # the cache wants Hashable, and a type is


def _validate(shape: type[T], data: object) -> tuple[T | None, list[ErrorDetails]]:
    try:
        text = json.dumps(data)  # strict JSON mode: "3" is no number, and a list may become a tuple
        adapter: TypeAdapter[T] = _adapter(shape)  # type: ignore[arg-type]  # a class is hashable
        return adapter.validate_json(text, strict=True, extra="forbid", by_alias=True, by_name=False), []
    except ValidationError as error:
        return None, [details for details in error.errors(include_url=False) if not _is_echo(details)]


def _is_echo(error: ErrorDetails) -> bool:
    """A list whose items are wrong is also reported as too short, counted without them."""
    value, context = error["input"], error.get("ctx", {})
    return error["type"] == "too_short" and isinstance(value, list) and len(value) >= context.get("min_length", 0)


def _drop_nulls(shape: Any, data: object, errors: Sequence[ErrorDetails]) -> bool:
    dropped = False
    for error in errors:
        path = _path(error)
        info = shapes.field_at(shape, path)
        if error["input"] is None and info is not None and not info.is_required():
            _parent(data, path).pop(path[-1], None)
            dropped = True
    return dropped


def _faults(shape: Any, errors: Sequence[ErrorDetails], positions: Positions) -> list[Fault]:
    meant = {(*_path(error)[:-1], near) for error in errors if (near := _meant(shape, error)) is not None}
    faults: dict[Path, Fault] = {}
    for error in errors:
        path = _path(error)
        if error["type"] == "missing" and path in meant:
            continue  # the misspelt field is reported, and it is this one
        faults.setdefault(path, _fault(shape, error, path, positions))
    return sorted(faults.values(), key=lambda fault: (fault.place.line, fault.place.column))


def _fault(shape: Any, error: ErrorDetails, path: Path, positions: Positions) -> Fault:
    kind, value = error["type"], error["input"]
    if kind == "extra_forbidden":
        message = wording.unknown_field(str(path[-1]), shapes.names_at(shape, path[:-1]))
        return Fault(path, message, positions.of_key(path))
    if kind == "missing":
        info = shapes.field_at(shape, path)
        description = (info.description or "") if info else ""
        message = wording.missing_field(shapes.choices_at(shape, path), description)
        return Fault(path, message, positions.of_key(path))
    choices = shapes.choices_at(shape, path)
    if choices:
        return Fault(path, wording.wrong_choice(value, choices), positions.of_value(path))
    spot = positions.get(path)
    context = {"pattern": shapes.pattern_at(shape, path)} if kind == "string_type" else error.get("ctx", {})
    message = wording.of_error(kind, context, value, raw=spot.raw if spot else None)
    at_key = _is_key(error) or isinstance(value, dict | list)
    return Fault(path, message, positions.of_key(path) if at_key else positions.of_value(path))


def _meant(shape: Any, error: ErrorDetails) -> str | None:
    if error["type"] != "extra_forbidden":
        return None
    path = _path(error)
    return nearest(str(path[-1]), shapes.names_at(shape, path[:-1]))


def _path(error: ErrorDetails) -> Path:
    location = error["loc"]
    return location[:-1] if _is_key(error) else location


def _is_key(error: ErrorDetails) -> bool:
    return bool(error["loc"]) and error["loc"][-1] == "[key]"


def _guess(shape: type[T], data: object, errors: Sequence[ErrorDetails]) -> tuple[T | None, frozenset[Path]]:
    dropped: set[Path] = set()
    for _ in range(GUESSES):
        for error in errors:
            if not _repair(shape, data, error, dropped):
                return None, frozenset()
        value, errors = _validate(shape, data)
        if not errors:
            return value, frozenset(dropped)
    return None, frozenset()


def _repair(shape: Any, data: object, error: ErrorDetails, dropped: set[Path]) -> bool:
    path = _path(error)
    near = _meant(shape, error)
    if error["type"] == "missing":
        return True  # perhaps a misspelt field fills it; if not, the next round still misses it
    parent = _parent(data, path)
    if parent is None or not path:
        return False
    if near is not None and near not in parent:
        parent[near] = parent.pop(path[-1])
        return True
    if error["type"] == "string_type" and isinstance(error["input"], int | float):
        parent[path[-1]] = json.dumps(error["input"])
        return True
    choices = shapes.choices_at(shape, path)
    if choices and isinstance(error["input"], str):
        word = nearest(error["input"], choices)
        if word is not None:
            parent[path[-1]] = word
            return True
    return _leave_out(shape, data, path, dropped)


def _leave_out(shape: Any, data: object, path: Path, dropped: set[Path]) -> bool:
    """Removes the nearest field around `path` that may be absent."""
    for length in range(len(path), 0, -1):
        field, info = path[:length], shapes.field_at(shape, path[:length])
        unknown = info is None and isinstance(field[-1], str)
        if unknown or (info is not None and not info.is_required()):
            parent = _parent(data, field)
            if isinstance(parent, dict):
                parent.pop(field[-1], None)
            dropped.add(field)
            return True
    return False


def _parent(data: Any, path: Path) -> Any:
    for step in path[:-1]:
        try:
            data = data[step]
        except (KeyError, IndexError, TypeError):
            return None  # an earlier repair took it away
    return data
