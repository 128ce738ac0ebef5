"""`aios get [KIND] [NAME]`: the columns that `kubectl get` prints, of the laptop or of a cluster."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from aios.cli.options import Format, Namespace, Output, State
from aios.cli.reading import Context, definition_of, required, say_if_stopped, with_resources
from aios.cli.terminal import out, paint, say, table
from aios.naming import GROUP
from aios.spec.base import Kind, Ref
from aios.spec.crd import DEFINITIONS, Column, Definition

if TYPE_CHECKING:
    from aios.ports.resources import AnyResource, Resources

app = typer.Typer(add_completion=False)

STYLES = {
    **dict.fromkeys(("Succeeded", "True"), "green"),
    **dict.fromkeys(("Failed", "Degraded", "False"), "red"),
    **dict.fromkeys(("Running", "Planning", "Working"), "cyan"),
    **dict.fromkeys(("Paused", "Cancelled"), "yellow"),
}


@app.command()
def get(
    kinds: Annotated[
        str, typer.Argument(metavar="[KIND[,KIND]]", help="projects, agents, agentteams, models, or their short names.")
    ] = "all",
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="Only this one.")] = None,
    *,
    output: Output = Format.TABLE,
    namespace: Namespace = "default",
    everywhere: Annotated[bool, typer.Option("-A", "--all-namespaces", help="Of every namespace.")] = False,
    state: State = None,
    context: Context = None,
) -> None:
    """List teams, agents, models and projects, with the columns that `kubectl get` has."""
    kind_part, _, name_part = kinds.partition("/")
    wanted = name or name_part or None
    definitions = list(DEFINITIONS) if kind_part == "all" else [definition_of(word) for word in kind_part.split(",")]

    async def read(resources: "Resources") -> "list[tuple[Definition, list[AnyResource]]]":
        found = []
        for one in definitions:
            if wanted is not None:
                items = [await required(resources, Ref(Kind(one.kind), namespace, wanted))]
            else:
                items = list(await resources.list(Kind(one.kind), None if everywhere else namespace))
            found.append((one, items))
        return found

    found = with_resources(state, context, read)
    if context is None:
        say_if_stopped(state)
    _print(found, output, single=wanted is not None and len(definitions) == 1, where=everywhere)
    if output in {Format.TABLE, Format.WIDE} and not any(items for _, items in found):
        brings = "aios up PATH" if context is None else "kubectl apply -f PATH"
        say(f"nothing here yet: `{brings}` brings it in")


def _print(found: "list[tuple[Definition, list[AnyResource]]]", output: Format, *, single: bool, where: bool) -> None:
    items = [item for _, some in found for item in some]
    if output in {Format.JSON, Format.YAML}:
        from aios.cli.documents import to_document, to_json, to_yaml

        documents = [to_document(item) for item in items]
        out(to_json(documents, single=single) if output is Format.JSON else to_yaml(documents))
    elif output is Format.NAME:
        for definition, some in found:
            for item in some:
                out(f"{definition.kind.lower()}.{GROUP}/{item.metadata.name}")
    else:
        shown = [(definition, some) for definition, some in found if some]
        for number, (definition, some) in enumerate(shown):
            if number:
                out()
            for line in _table(definition, some, wide=output is Format.WIDE, titled=len(found) > 1, where=where):
                out(line)


def _table(definition: Definition, items: "list[AnyResource]", *, wide: bool, titled: bool, where: bool) -> list[str]:
    columns = [column for column in definition.columns if wide or not column.wide]
    header = [*(["NAMESPACE"] if where else []), "NAME", *(column.name.upper() for column in columns)]
    prefix = f"{definition.kind.lower()}/" if titled else ""
    rows = [
        [
            *([item.metadata.namespace] if where else []),
            f"{prefix}{item.metadata.name}",
            *(_cell(item, column) for column in columns),
        ]
        for item in items
    ]
    return [_painted(line) for line in table(header, rows)]


def _painted(line: str) -> str:
    words = set(line.split())
    for word in words & set(STYLES):
        line = line.replace(f" {word}", f" {paint(word, STYLES[word])}", 1)
    return line


def _cell(item: "AnyResource", column: Column) -> str:
    if column.kind == "date":
        created = item.metadata.creation_timestamp
        return age(created) if created else ""
    value: object = item.model_dump(mode="json", by_alias=True)
    for step in column.path.strip(".").split("."):
        value = value.get(step) if isinstance(value, dict) else None
    return "" if value is None else str(value)


def age(since: datetime) -> str:
    """As kubectl shows it: 12s, 3m, 2h, 5d."""
    seconds = max(0, int((datetime.now(UTC) - since).total_seconds()))
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "m")):
        if seconds >= size:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"
