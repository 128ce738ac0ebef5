"""`aios describe KIND NAME`: what is stated, what was found, why, and what to do about it."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated

import typer

from aios.cli.options import Namespace, State
from aios.cli.reading import (
    Context,
    ref_of,
    required,
    say_if_stopped,
    services_stated,
    with_laptop,
    with_resources,
    with_services,
)
from aios.cli.terminal import out, paint, say, table, visible
from aios.errors import AiosError, ServiceUnavailableError
from aios.spec.base import Condition, Resource

if TYPE_CHECKING:
    from aios.embedded.resources import Event
    from aios.ports.resources import AnyResource, Resources
    from aios.projects.view import RunView
    from aios.tasks.result import Spend
    from aios.tasks.run_events import AnyRunEvent
    from aios.wiring.ports import LaptopPorts, WorkPorts

app = typer.Typer(add_completion=False)


@dataclass(frozen=True, slots=True)
class _Run:
    """A project's run: its events, and how it stands with what its attempts in flight have used."""

    history: "Sequence[AnyRunEvent]"
    view: "RunView"


@dataclass(frozen=True, slots=True)
class _Told:
    """An object and what is known of it beside."""

    found: "AnyResource"
    run: _Run | None = None
    events: "Sequence[Event]" = ()
    replicas: Sequence[str] = ()


@app.command()
def describe(
    target: Annotated[list[str], typer.Argument(metavar="KIND NAME", help="Or KIND/NAME, such as project/word-count.")],
    *,
    namespace: Namespace = "default",
    state: State = None,
    context: Context = None,
) -> None:
    """Show everything about one resource: spec, conditions with what to do, events, and a project's tasks.

    With --context a project's tasks are shown where AIOS_BROKER_URL, AIOS_OBJECTS_URL and AIOS_SESSIONS_URL name the
    cluster's services.
    """
    ref = ref_of(target, namespace)

    async def on_laptop(ports: "LaptopPorts") -> "_Told":
        found = await required(ports.resources, ref)
        return _Told(found, await _run(ports, found), await ports.events(ref), await _replicas(ports, found))

    async def on_cluster(resources: "Resources") -> "AnyResource":
        return await required(resources, ref)

    if context is None:
        told = with_laptop(state, on_laptop)
        say_if_stopped(state)
    else:
        told = _of_cluster(with_resources(state, context, on_cluster))
    for line in _lines(told):
        out(line)


def _of_cluster(found: "AnyResource") -> _Told:
    """With a project's run, if the services that know it are stated. What keeps them from being asked is told on
    stderr: the cluster has answered already, and services stated for something else must not hide that."""
    from aios.spec.project import Project

    if not isinstance(found, Project) or not found.status.run.id:
        return _Told(found)

    async def run(ports: "WorkPorts") -> _Run | None:
        return await _run(ports, found)

    try:
        services = services_stated()
        if services.missing():
            return _Told(found)
        told = _Told(found, with_services(services, run))
    except AiosError as error:
        say(f"tasks and routes are not known: {error}")
        return _Told(found)
    if told.run is None:
        say(f"run {found.status.run.id} is not on record at the services stated here: are they those of this cluster?")
    return told


async def _replicas(ports: "LaptopPorts", found: Resource) -> Sequence[str]:
    """What each replica of an Agent says of itself, and what its task waits for."""
    from aios.naming import worker_session
    from aios.spec.agent import Agent

    if not isinstance(found, Agent):
        return ()
    prefix = worker_session(found.metadata.namespace, found.metadata.name, "")
    try:
        beats = await ports.sessions.scan(prefix)
    except ServiceUnavailableError as error:
        return (f"not known: {error}",)
    said = {key.removeprefix(prefix): json.loads(beat) for key, beat in sorted(beats.items())}
    return [
        "  ".join(
            [
                name,
                beat.get("phase", ""),
                beat.get("task", ""),
                *([f"waits: {beat['waits']}"] if beat.get("waits") else []),
            ]
        ).rstrip()
        for name, beat in said.items()
    ]


async def _run(ports: "WorkPorts", found: Resource) -> _Run | None:
    """What the journal knows of the project's run; None: nothing, or it is no project."""
    from aios.naming import run_stream
    from aios.projects.view import view_of
    from aios.spec.project import Project
    from aios.tasks.run_events import RUN_EVENT

    if not isinstance(found, Project) or not found.status.run.id:
        return None
    records = await ports.journal.read(run_stream(found.status.run.id))
    history = [RUN_EVENT.validate_python(one.data) for one in records]
    view, _ = view_of(history)
    under_way = await _under_way(ports, found.status.run.id, view)
    return _Run(history, replace(view, under_way=under_way)) if history else None


async def _under_way(ports: "WorkPorts", run: str, view: "RunView") -> "Mapping[str, Spend]":
    """What attempts have used of which the run knows no end yet, whether somebody works on them or died over them."""
    from aios.naming import attempt_stream
    from aios.tasks.attempt_events import ATTEMPT_EVENT
    from aios.tasks.spending import spent

    used: dict[str, Spend] = {}
    for task in view.state.running:
        records = await ports.journal.read(attempt_stream(run, task.name, task.attempt))
        used[task.name] = spent(ATTEMPT_EVENT.validate_python(one.data) for one in records)
    return used


def _lines(told: "_Told") -> Iterator[str]:
    found, run, events = told.found, told.run, told.events
    from aios.cli.documents import to_document, to_yaml
    from aios.cli.get import age

    meta = found.metadata
    created = f", made {age(meta.creation_timestamp)} ago" if meta.creation_timestamp else ""
    yield f"{paint(visible(f'{found.kind}/{meta.name}'), 'bold')}  namespace {visible(meta.namespace)}{created}"
    document = to_document(found)
    for key in ("spec", "data"):
        if key in document:
            yield from _section(key, to_yaml([document[key]]).splitlines())
    conditions: Sequence[Condition] = getattr(getattr(found, "status", None), "conditions", ())
    yield from _section("conditions", list(_conditions(conditions)))
    yield from _section("replicas", told.replicas)
    if run is not None:
        yield from _section("tasks", list(_tasks(run.view)))
        yield from _section("last routes", list(_routes(run.history)))
    yield from _section(
        "events", [f"{age(one.last_at):>4} ago  {one.type:<7}  {one.reason}  {one.message}" for one in events]
    )


def _section(title: str, lines: Sequence[str]) -> Iterator[str]:
    if lines:
        yield ""
        yield paint(title, "bold")
        yield from (f"  {visible(line)}" for line in lines)


def _conditions(conditions: Sequence[Condition]) -> Iterator[str]:
    from aios.spec.conditions import Reason

    for one in conditions:
        yield f"{one.type:<12} {one.status:<7} {one.reason}  {one.message}".rstrip()
        known = next((reason for reason in Reason if reason.value == one.reason), None)
        bad = one.status == "True" if one.type in {"Stalled", "Failed"} else False
        if bad and known is not None:
            yield f"{'':<12} what to do: {known.what_to_do}"


def _tasks(view: "RunView") -> Iterator[str]:
    from aios.cli.story import count, duration, money, spending, under_way

    rows = [
        [
            row.name,
            row.phase.value,
            row.member,
            row.model,
            str(row.attempt),
            count(len(row.files), "file"),
            f"{row.calls} ({row.cached} cached)" if row.cached else str(row.calls),
            money(row.cost),
            duration(row.seconds),
            row.reason.partition("\n")[0],
        ]
        for row in view.rows
    ]
    if rows:
        head = ["TASK", "PHASE", "MEMBER", "MODEL", "ATTEMPTS", "FILES", "CALLS", "COST", "TIME", "WHY"]
        yield from table(head, rows)
        yield f"in all: {spending(view.total)}"
        if line := under_way(view):
            yield line


def _routes(history: "Sequence[AnyRunEvent]") -> Iterator[str]:
    """Who was chosen for each task's last attempt, and why nobody else."""
    from aios.tasks.run_events import Dispatched

    for event in {event.task.name: event for event in history if isinstance(event, Dispatched)}.values():
        yield f"{event.task.name}: {event.member}/{event.model}  {event.reason}"
        yield from (f"  {one.member}/{one.model}  {one.reason}" for one in event.rejected)
