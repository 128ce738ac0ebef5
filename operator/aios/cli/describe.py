"""`aios describe KIND NAME`: what is stated, what was found, why, and what to do about it."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from aios.cli.options import Namespace, State
from aios.cli.reading import Context, ref_of, required, say_if_stopped, with_laptop, with_resources
from aios.cli.terminal import out, paint, table
from aios.spec.base import Condition, Resource

if TYPE_CHECKING:
    from aios.embedded.resources import Event
    from aios.ports.resources import AnyResource, Resources
    from aios.projects.view import RunView
    from aios.wiring.ports import LaptopPorts

app = typer.Typer(add_completion=False)


@app.command()
def describe(
    target: Annotated[list[str], typer.Argument(metavar="KIND NAME", help="Or KIND/NAME, such as project/word-count.")],
    *,
    namespace: Namespace = "default",
    state: State = None,
    context: Context = None,
) -> None:
    """Show everything about one resource: spec, conditions with what to do, events, and a project's tasks."""
    ref = ref_of(target, namespace)

    async def on_laptop(ports: "LaptopPorts") -> "tuple[AnyResource, RunView | None, Sequence[Event]]":
        found = await required(ports.resources, ref)
        return found, await _view(ports, found), await ports.events(ref)

    async def on_cluster(resources: "Resources") -> "AnyResource":
        return await required(resources, ref)

    if context is None:
        found, view, events = with_laptop(state, on_laptop)
        say_if_stopped(state)
    else:
        found, view, events = with_resources(state, context, on_cluster), None, ()
    for line in _lines(found, view, events):
        out(line)


async def _view(ports: "LaptopPorts", found: Resource) -> "RunView | None":
    from aios.naming import run_stream
    from aios.projects.view import view_of
    from aios.spec.project import Project
    from aios.tasks.run_events import RUN_EVENT

    if not isinstance(found, Project) or not found.status.run.id:
        return None
    records = await ports.journal.read(run_stream(found.status.run.id))
    return view_of(RUN_EVENT.validate_python(one.data) for one in records)[0]


def _lines(found: "AnyResource", view: "RunView | None", events: "Sequence[Event]") -> Iterator[str]:
    from aios.cli.documents import to_document, to_yaml
    from aios.cli.get import age

    meta = found.metadata
    created = f", made {age(meta.creation_timestamp)} ago" if meta.creation_timestamp else ""
    yield f"{paint(f'{found.kind}/{meta.name}', 'bold')}  namespace {meta.namespace}{created}"
    document = to_document(found)
    for key in ("spec", "data"):
        if key in document:
            yield from _section(key, to_yaml([document[key]]).splitlines())
    conditions: Sequence[Condition] = getattr(getattr(found, "status", None), "conditions", ())
    yield from _section("conditions", list(_conditions(conditions)))
    if view is not None:
        yield from _section("tasks", list(_tasks(view)))
        yield from _section("routes", list(_routes(view)))
    yield from _section(
        "events", [f"{age(one.last_at):>4} ago  {one.type:<7}  {one.reason}  {one.message}" for one in events]
    )


def _section(title: str, lines: Sequence[str]) -> Iterator[str]:
    if lines:
        yield ""
        yield paint(title, "bold")
        yield from (f"  {line}" for line in lines)


def _conditions(conditions: Sequence[Condition]) -> Iterator[str]:
    from aios.spec.conditions import Reason

    for one in conditions:
        yield f"{one.type:<12} {one.status:<7} {one.reason}  {one.message}".rstrip()
        known = next((reason for reason in Reason if reason.value == one.reason), None)
        bad = one.status == "True" if one.type in {"Stalled", "Failed"} else False
        if bad and known is not None:
            yield f"{'':<12} what to do: {known.what_to_do}"


def _tasks(view: "RunView") -> Iterator[str]:
    from aios.cli.story import count, duration, money

    rows = [
        [
            row.name,
            row.phase.value,
            row.member,
            row.model,
            str(row.attempt),
            count(len(row.files), "file"),
            money(row.cost),
            duration(row.seconds),
            row.reason.partition("\n")[0],
        ]
        for row in view.rows
    ]
    if rows:
        yield from table(["TASK", "PHASE", "MEMBER", "MODEL", "ATTEMPTS", "FILES", "COST", "TIME", "WHY"], rows)


def _routes(view: "RunView") -> Iterator[str]:
    for row in view.rows:
        if row.attempt:
            yield f"{row.name}: {row.member}/{row.model}  {view.remarks.get(row.name, '')}".rstrip()
