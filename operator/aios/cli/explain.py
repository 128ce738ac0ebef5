"""`aios explain WORD`: a field of the YAML, a reason or condition met in a status, or a kind. All from the models."""

import sys
from collections.abc import Iterator
from enum import Enum
from types import UnionType
from typing import TYPE_CHECKING, Annotated, Any, Union, get_args, get_origin

import typer

from aios.cli.terminal import out, paint
from aios.errors import NotFoundError

if TYPE_CHECKING:
    from pydantic import BaseModel
    from pydantic.fields import FieldInfo

app = typer.Typer(add_completion=False)

_SHORT = {"mdl": "model", "at": "agentteam", "team": "agentteam", "ag": "agent", "proj": "project"}


@app.command()
def explain(
    word: Annotated[
        str,
        typer.Argument(metavar="REASON|FIELD", help="Such as NoPermittedModel, project, agentteam.spec.members.tier."),
    ],
) -> None:
    """Explain a field of the YAML or a reason in a status."""
    lines = _reason(word) or _condition(word) or _field(word)
    if lines is None:
        raise NotFoundError(
            f'nothing is called "{word}": {_suggestion(word)}kinds are {", ".join(sorted(_kinds()))}; '
            "a field is named by its path, such as agentteam.spec.members.tier"
        )
    for line in lines:
        out(line)


def _reason(word: str) -> list[str] | None:
    from aios.spec.conditions import Reason

    found = next((reason for reason in Reason if reason.lower() == word.lower()), None)
    if found is None:
        return None
    return [
        f"{paint(found.value, 'bold')}  a reason in a status",
        "",
        f"  {found.meaning}",
        f"  What to do: {found.what_to_do}",
    ]


def _condition(word: str) -> list[str] | None:
    from aios.spec.conditions import ConditionType

    found = next((kind for kind in ConditionType if kind.lower() == word.lower()), None)
    return None if found is None else [f"{paint(found.value, 'bold')}  a condition", "", f"  {found.meaning}"]


def _kinds() -> dict[str, "type[BaseModel]"]:
    from aios.spec.agent import Agent
    from aios.spec.model import Model
    from aios.spec.project import Project
    from aios.spec.team import AgentTeam

    return {"model": Model, "agentteam": AgentTeam, "agent": Agent, "project": Project}


def _field(word: str) -> list[str] | None:
    head, *path = word.split(".")
    head = head.lower().removesuffix("s") if head.lower() != "s" else head
    model = _kinds().get(_SHORT.get(head, head))
    if model is None:
        return None
    annotation: Any = model
    info: FieldInfo | None = None
    for step in path:
        inner = _part_in(annotation)
        found = (
            next(((name, f) for name, f in _fields(inner) if name == step.partition("[")[0]), None) if inner else None
        )
        if found is None:
            raise NotFoundError(f'{word}: no field "{step}"{_did_you_mean(step, inner)}')
        info, annotation = found[1], found[1].annotation
    return list(_describe(word, annotation, info))


def _describe(word: str, annotation: Any, info: "FieldInfo | None") -> Iterator[str]:
    inner = _part_in(annotation)
    yield f"{paint(word, 'bold')}  <{_type_name(annotation)}>"
    text = info.description if info else (inner.__doc__ or "").strip().splitlines()[0] if inner else ""
    yield ""
    yield f"  {text}"
    if info is not None:
        yield from (f"  {line}" for line in (_allowed(annotation), _default(info)) if line)
    fields = (
        [(name, f) for name, f in _fields(inner) if name not in {"apiVersion", "kind", "metadata"}] if inner else []
    )
    if fields:
        yield ""
        wide = max(len(name) for name, _ in fields)
        for name, field in fields:
            yield f"  {paint(name.ljust(wide), 'cyan')}  {field.description or _summary(field)}{_short_default(field)}"


def _summary(field: "FieldInfo") -> str:
    inner = _part_in(field.annotation)
    return (inner.__doc__ or "").splitlines()[0] if inner else ""


def _fields(model: "type[BaseModel]") -> list[tuple[str, "FieldInfo"]]:
    return [(field.alias or name, field) for name, field in model.model_fields.items()]


def _part_in(annotation: Any) -> "type[BaseModel] | None":
    """The model that a field holds, through Optional, tuples and Annotated."""
    from pydantic import BaseModel

    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for found in map(_part_in, get_args(annotation)) if found is not None), None)


def _plain(annotation: Any) -> Any:
    origin = get_origin(annotation)
    if origin is Annotated:
        return _plain(get_args(annotation)[0])
    if origin in {Union, UnionType}:
        return _plain(next(arg for arg in get_args(annotation) if arg is not type(None)))
    return annotation


def _type_name(annotation: Any) -> str:
    plain = _plain(annotation)
    if get_origin(plain) is tuple:
        return f"list of {_type_name(get_args(plain)[0])}"
    if get_origin(plain) is dict:
        return "map"
    names = {"str": "string", "int": "integer", "bool": "boolean"}
    return names.get(getattr(plain, "__name__", ""), getattr(plain, "__name__", "string"))


def _allowed(annotation: Any) -> str:
    plain = _plain(annotation)
    inner = _plain(get_args(plain)[0]) if get_origin(plain) is tuple else plain
    if isinstance(inner, type) and issubclass(inner, Enum):
        return f"Allowed: {', '.join(str(item.value) for item in inner)}"
    return ""


def _default(info: "FieldInfo") -> str:
    if info.is_required():
        return "Required."
    value = _stated_default(info)
    return f"Default: {value}" if value else "Optional."


def _short_default(info: "FieldInfo") -> str:
    if info.is_required():
        return paint("  required", "yellow", stream=sys.stdout)
    value = _stated_default(info)
    return paint(f"  default {value}", "dim", stream=sys.stdout) if value else ""


def _stated_default(info: "FieldInfo") -> str:
    value = info.get_default(call_default_factory=False)
    if value is None or value == () or info.default_factory is not None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _suggestion(word: str) -> str:
    from difflib import get_close_matches

    from aios.spec.conditions import ConditionType, Reason

    near = get_close_matches(word, [*(str(r) for r in Reason), *(str(c) for c in ConditionType), *_kinds()], n=1)
    return f'did you mean "{near[0]}"? ' if near else ""


def _did_you_mean(step: str, model: "type[BaseModel] | None") -> str:
    from difflib import get_close_matches

    names = [name for name, _ in _fields(model)] if model else []
    near = get_close_matches(step, names, n=1)
    if near:
        return f', did you mean "{near[0]}"?'
    return f"; there are {', '.join(names)}" if names else "; it has no fields"
