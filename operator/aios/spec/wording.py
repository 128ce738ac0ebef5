"""What a validation error means to the person who typed the YAML: what is allowed, and what was probably meant."""

import json
import re
from collections.abc import Callable, Mapping

from aios.spec.suggestions import nearest
from aios.spec.vocabulary import PATTERNS

Context = Mapping[str, object]


def of_error(kind: str, context: Context, value: object, *, raw: str | None) -> str:
    """The sentence for a pydantic error of type `kind`; `raw` is the value as it was typed, when it was one word."""
    words = _WORDS.get(kind)
    return words(context, value, raw) if words else f"{shown(value)} is not allowed here ({kind})"


def unknown_field(name: str, allowed: list[str]) -> str:
    near = nearest(name, allowed)
    if near is not None:
        return f'unknown field, did you mean "{near}"?'
    return f"unknown field; allowed: {', '.join(allowed)}" if allowed else "unknown field; nothing is allowed here"


def missing_field(choices: list[str], description: str) -> str:
    if choices:
        return f"required: {', '.join(choices)}"
    return f"required: {description}" if description else "required"


def wrong_choice(value: object, choices: list[str]) -> str:
    near = nearest(value, choices) if isinstance(value, str) else None
    allowed = ", ".join(choices)
    if near is not None:
        return f'{shown(value)} is not allowed, did you mean "{near}"? Allowed: {allowed}'
    return f"{shown(value)} is not allowed; allowed: {allowed}"


def shown(value: object) -> str:
    """The value as a reader recognises it, at most 60 characters."""
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    text = "empty" if value is None else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _text(context: Context, value: object, raw: str | None) -> str:
    if value is None:
        return "empty; write a text, or leave the field out"
    if isinstance(value, bool | int | float):
        typed = raw if raw is not None else json.dumps(value)
        what = "true or false" if isinstance(value, bool) else "a number"
        pattern = str(context.get("pattern") or "")
        if not re.search(pattern, typed):  # quoted it would be refused for that
            return f"{typed} is {what}, where {_rule(pattern)} is wanted{_in_seconds(pattern, typed)}"
        return f'{typed} is {what}, a text is wanted; quote it: "{typed}"'
    return f"{shown(value)}, where a text is wanted"


def _rule(pattern: str) -> str:
    return PATTERNS.get(pattern, f"it must match {pattern}")


def _in_seconds(pattern: str, typed: str) -> str:
    """What to write for a bare number that is a length of time: elsewhere that means seconds."""
    if not (typed.isdigit() and re.search(pattern, f"{typed}s")):
        return ""
    larger = ((size, unit) for size, unit in ((3600, "h"), (60, "m")) if int(typed) and int(typed) % size == 0)
    return f"; write {typed}s" + next((f" or {int(typed) // size}{unit}" for size, unit in larger), "")


def _whole_number(context: Context, value: object, raw: str | None) -> str:
    if isinstance(value, str) and value.strip().lstrip("+-").isdigit():
        return f"a quoted number is a text; write {value.strip()}"
    return f"{shown(value)}, where a whole number is wanted"


def _boolean(context: Context, value: object, raw: str | None) -> str:
    return f"{shown(value)}, where true or false is wanted"


def _list(context: Context, value: object, raw: str | None) -> str:
    if isinstance(value, str | int | float) and not isinstance(value, bool):
        return f"{shown(value)}, where a list is wanted; write [{value}]"
    return f"{shown(value)}, where a list is wanted"


def _mapping(context: Context, value: object, raw: str | None) -> str:
    return f"{shown(value)}, where fields are wanted (key: value)"


def _pattern(context: Context, value: object, raw: str | None) -> str:
    return f"{shown(value)} is not allowed: {_rule(str(context.get('pattern')))}"


def _too_long_text(context: Context, value: object, raw: str | None) -> str:
    length = len(value) if isinstance(value, str) else 0
    return f"{length:,} characters; at most {_number(context, 'max_length')} are allowed"


def _too_short_text(context: Context, value: object, raw: str | None) -> str:
    return "empty; write at least one character" if value == "" else "too short"


def _too_many(context: Context, value: object, raw: str | None) -> str:
    length = len(value) if isinstance(value, list | dict) else 0
    return f"{length:,} entries; at most {_number(context, 'max_length')} are allowed"


def _too_few(context: Context, value: object, raw: str | None) -> str:
    return f"at least {_number(context, 'min_length')} is needed"


def _at_least(context: Context, value: object, raw: str | None) -> str:
    return f"{shown(value)} is too small; at least {context.get('ge')}"


def _at_most(context: Context, value: object, raw: str | None) -> str:
    return f"{shown(value)} is too large; at most {context.get('le')}"


def _number(context: Context, key: str) -> str:
    limit = context.get(key)
    return f"{limit:,}" if isinstance(limit, int) else "?"


_WORDS: Mapping[str, Callable[[Context, object, str | None], str]] = {
    "string_type": _text,
    "int_type": _whole_number,
    "int_parsing": _whole_number,
    "int_from_float": _whole_number,
    "bool_type": _boolean,
    "tuple_type": _list,
    "list_type": _list,
    "dict_type": _mapping,
    "model_type": _mapping,
    "model_attributes_type": _mapping,
    "string_pattern_mismatch": _pattern,
    "string_too_long": _too_long_text,
    "string_too_short": _too_short_text,
    "too_long": _too_many,
    "too_short": _too_few,
    "greater_than_equal": _at_least,
    "less_than_equal": _at_most,
}
