"""Which type stands at a path of a resource: the field names that are allowed there, its choices, whether it may go."""

import types
from collections.abc import Iterable
from enum import Enum
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from aios.spec.positions import Path, Step


def field_names(model: type[BaseModel]) -> dict[str, FieldInfo]:
    """The fields as YAML spells them."""
    return {info.alias or name: info for name, info in model.model_fields.items()}


def at(root: Any, path: Iterable[Step]) -> Any:
    """The type at `path` below `root`, stripped of Annotated and Optional; None where the schema ends."""
    current = bare(root)
    for step in path:
        current = bare(_below(current, step))
    return current


def names_at(root: Any, path: Path) -> list[str]:
    """The field names allowed at `path`; empty where no fields are."""
    model = at(root, path)
    return list(field_names(model)) if _is_model(model) else []


def field_at(root: Any, path: Path) -> FieldInfo | None:
    """The field that `path` ends in; None for list items and map entries."""
    if not path or not isinstance(path[-1], str):
        return None
    model = at(root, path[:-1])
    return field_names(model).get(path[-1]) if _is_model(model) else None


def choices_at(root: Any, path: Path) -> list[str]:
    """The closed set of words at `path`; empty where any word may stand."""
    found = at(root, path)
    return [str(choice.value) for choice in found] if isinstance(found, type) and issubclass(found, Enum) else []


def pattern_at(root: Any, path: Path) -> str:
    """What a text in the field at `path` must match; empty where any may stand, and for list items and map entries."""
    info = field_at(root, path)
    if info is None:
        return ""
    inside = (extra for part in get_args(info.annotation) for extra in getattr(part, "__metadata__", ()))
    patterns = (getattr(extra, "pattern", None) for extra in (*info.metadata, *inside))
    return next((pattern for pattern in patterns if isinstance(pattern, str)), "")


def bare(annotation: Any) -> Any:
    """Without Annotated, type aliases and Optional."""
    if get_origin(annotation) is Annotated:
        return bare(get_args(annotation)[0])
    if get_origin(annotation) in {Union, types.UnionType}:
        return bare(next(part for part in get_args(annotation) if part is not type(None)))
    return annotation


def _below(current: Any, step: Step) -> Any:
    if _is_model(current):
        info = field_names(current).get(str(step))
        return info.annotation if info else None
    origin, arguments = get_origin(current), get_args(current)
    if origin is dict:
        return arguments[1]
    return arguments[0] if origin in {tuple, list} else None


def _is_model(found: Any) -> bool:
    return isinstance(found, type) and issubclass(found, BaseModel)
