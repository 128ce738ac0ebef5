"""crds/README.md: every field, default, condition and reason, from the same source as the CRDs."""

from collections.abc import Iterator, Mapping, Sequence

from aios.naming import API_VERSION
from aios.spec.conditions import ConditionType, Reason
from aios.spec.model import ScriptRule
from aios.spec.prompts import VARIABLES
from aios.spec.structural import Schema, structural

_INTRODUCTION = f"""<!-- Written by `aios crds` from operator/aios/spec: change the models there, then run it again. -->
# Custom resources of `{API_VERSION}`

Install them with `kubectl apply -k crds`, or name this folder as a base in your own kustomization. Unknown fields are
refused: `aios validate` names them with file, line and column, and so does the API server with
`kubectl apply --validate=strict`. Fields marked * are required. Editors that read JSON Schema can use
`schemas/aios.schema.json` for whole files.

`agents` is a plural in other products as well: `kubectl get agents.aios.dev`, or the short name `ag`, always means
these. `kubectl get aios` lists all kinds.
"""


def readme(kinds: Sequence[tuple[str, str, str]], schemas: Mapping[str, Schema]) -> str:
    """The page. `kinds`: kind, short name and plural of each; `schemas`: the structural schema by kind."""
    parts = [_INTRODUCTION]
    for kind, short, plural in kinds:
        schema = schemas[kind]
        parts.append(f"## {kind}\n\n{schema['description']} (`kubectl get {plural}`, short `{short}`)\n")
        parts.append(_table("spec", schema["properties"]["spec"]))
        parts.append(_rules(schema))
        parts.append(_table("status", schema["properties"]["status"]))
    parts.append(
        "## Script rules\n\nA script in a ConfigMap key is a YAML list of rules with these fields; the first\n"
        "rule that matches speaks.\n"
    )
    parts.append(_table("[]", structural(ScriptRule, defaults=True)))
    parts.append(_prompts())
    parts.append(_conditions())
    return "\n".join(part for part in parts if part)


_WORDS = {
    "string": ("text", "minLength", "maxLength"),
    "integer": ("number", "minimum", "maximum"),
    "boolean": ("true or false", "", ""),
}


def _table(name: str, schema: Schema) -> str:
    rows = [f"| `{path}` | {kind} | {default} | {text} |" for path, kind, default, text in _rows(name, schema, False)]
    return "\n".join(["| field | type | default | meaning |", "|---|---|---|---|", *rows]) + "\n"


def _rows(path: str, schema: Schema, required: bool) -> Iterator[tuple[str, str, str, str]]:
    default = schema.get("default")
    shown = (
        f"`{str(default).lower() if isinstance(default, bool) else default}`" if default not in (None, {}, "") else ""
    )
    yield path + ("*" if required else ""), _type(schema), shown, _escaped(schema.get("description", ""))
    inner = schema
    if schema.get("type") == "array":
        inner, path = schema["items"], f"{path}[]"
    for key, value in inner.get("properties", {}).items():
        yield from _rows(f"{path}.{key}", value, key in inner.get("required", ()))


def _type(schema: Schema) -> str:
    if "enum" in schema:
        return " \\| ".join(f"`{choice}`" for choice in schema["enum"])
    if schema["type"] == "array":
        return f"list{_between(schema, 'minItems', 'maxItems')} of {_type(schema['items'])}"
    if schema["type"] == "object":
        return "fields" if "properties" in schema else f"map{_between(schema, 'minProperties', 'maxProperties')}"
    if schema.get("format") == "date-time":
        return "time"
    word, low, high = _WORDS[schema["type"]]
    return f"{word}{_between(schema, low, high)}"


def _between(schema: Schema, low: str, high: str) -> str:
    if high not in schema:
        return ""
    return f" ({schema[low]} to {schema[high]:,})" if low in schema else f" (at most {schema[high]:,})"


def _rules(schema: Schema) -> str:
    messages = dict.fromkeys(_messages(schema))
    return (
        "\n".join(
            ["The API server and `aios validate` also refuse what breaks these rules:\n"]
            + [f"- {_escaped(message)}" for message in messages]
        )
        + "\n"
        if messages
        else ""
    )


def _messages(schema: Schema) -> Iterator[str]:
    for rule in schema.get("x-kubernetes-validations", ()):
        yield rule["message"]
    for value in schema.get("properties", {}).values():
        yield from _messages(value)
    if "items" in schema:
        yield from _messages(schema["items"])


def _prompts() -> str:
    rows = [f"| `{name}` | {meaning} |" for name, meaning in VARIABLES.items()]
    return "\n".join(
        [
            "## Prompt variables\n",
            "A prompt is a jinja2 template, rendered in a sandbox. A variable that is not in this table is refused.\n",
            "| variable | value |",
            "|---|---|",
            *rows,
            "",
        ]
    )


def _conditions() -> str:
    types = [f"| `{item}` | {item.meaning} |" for item in ConditionType]
    reasons = [f"| `{item}` | {_escaped(item.meaning)} | {_escaped(item.what_to_do)} |" for item in Reason]
    return "\n".join(
        [
            "## Conditions\n",
            "| type | True means |",
            "|---|---|",
            *types,
            "\n## Reasons\n",
            "`aios explain REASON` prints one of these lines.\n",
            "| reason | meaning | what to do |",
            "|---|---|---|",
            *reasons,
            "",
        ]
    )


def _escaped(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())
