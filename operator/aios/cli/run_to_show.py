"""Which of a project's runs `aios logs` shows. A state folder's Project tells; where there are services alone, nobody
knows what is declared, and their journal does."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from aios.cli.terminal import say
from aios.errors import NotFoundError
from aios.spec.base import Kind, Ref

if TYPE_CHECKING:
    from aios.ports.journal import Journal
    from aios.wiring.ports import LaptopPorts, WorkPorts

LOOK_SECONDS = 0.5
"""Between two looks for what is not there yet."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A run, and what a person must know before they take it for the present one; empty when it is that."""

    run: str
    remark: str = ""


async def run_to_show(
    ports: "WorkPorts", namespace: str, project: str, *, wanted: str = "", to_come: bool = False
) -> Shown:
    """The run to show, as far as `ports` can tell."""
    from aios.wiring.ports import LaptopPorts

    if isinstance(ports, LaptopPorts):
        return await run_declared(ports, namespace, project, wanted=wanted, to_come=to_come)
    return await run_on_record(ports.journal, namespace, project, wanted=wanted)


async def run_to_come(ports: "WorkPorts", namespace: str, project: str, *, named: bool) -> Shown:
    """As `run_to_show`, but the run of a project that is declared is waited for, and any run where the folder was
    `named` or nobody can know what is declared."""
    from aios.wiring.ports import LaptopPorts

    said = False
    while True:
        try:
            return await run_to_show(ports, namespace, project, to_come=True)
        except NotFoundError as error:
            waits = str(error)
            if isinstance(ports, LaptopPorts):
                if not named and await ports.resources.get(Ref(Kind.PROJECT, namespace, project)) is None:
                    raise
                waits = f'project "{project}" has not run yet in namespace {namespace}; `aios up` runs it'
        if not said:
            say(f"waiting: {waits}")
            said = True
        await asyncio.sleep(LOOK_SECONDS)


async def run_on_record(journal: "Journal", namespace: str, project: str, *, wanted: str = "") -> Shown:
    """The run to show where nobody knows what is declared: the `wanted` one (how its digest begins), else the one that
    began last, which says so when there are others. Raises NotFoundError naming the projects on record."""
    try:
        began_at = await _times(journal, namespace, project, first=True)
    except NotFoundError as error:  # the journal's bucket; how it would be made is no help to a reader
        raise NotFoundError(
            "nothing was ever recorded at the services stated: do AIOS_OBJECTS_URL or AIOS_JOURNAL_URL, and a ?prefix= "
            "in them, name those of the installation?"
        ) from error
    runs = sorted(began_at, key=lambda run: began_at[run])
    if wanted:
        return _wanted(runs, wanted)
    if not runs:
        known = ", ".join(await _projects_on_record(journal, namespace)) or "none"
        raise NotFoundError(
            f'project "{project}" has not run yet in namespace {namespace} (-n names another); on record there: {known}'
        )
    if len(runs) == 1:
        return Shown(runs[0])
    *earlier, newest = _digests(runs)
    return Shown(
        runs[-1],
        f'project "{project}" ran {len(runs)} times: this is run {newest}, begun '
        f"{_minute(began_at[runs[-1]])}; earlier ones, to name with --run: {', '.join(earlier)}",
    )


async def run_declared(
    ports: "LaptopPorts", namespace: str, project: str, *, wanted: str = "", to_come: bool = False
) -> Shown:
    """The run to show: the `wanted` one (how its digest begins), the one that the project's status speaks of, or what
    an earlier project of the name has left, which says so. Raises NotFoundError; with `to_come` also for a project
    that is declared and has not begun, whatever was there before."""
    from aios.spec.project import Project

    found = await ports.resources.get(Ref(Kind.PROJECT, namespace, project))
    declared = found if isinstance(found, Project) else None
    present = declared.status.run.id if declared else ""
    if declared and present and not wanted:
        changed = present != declared.run_id
        return Shown(present, f'project "{project}" was changed since: this is the run before' if changed else "")
    last_at = await _times(ports.journal, namespace, project, first=False)
    runs = sorted(last_at, key=lambda run: last_at[run])
    if wanted:
        return _wanted(runs, wanted)
    if declared and declared.run_id in runs:
        return Shown(declared.run_id)
    if not runs or (declared and to_come):
        known = ", ".join(one.metadata.name for one in await ports.resources.list(Kind.PROJECT, namespace)) or "none"
        raise NotFoundError(f'project "{project}" has not run yet in namespace {namespace}; projects: {known}')
    undeclared = "is not declared in this state folder" if ports.shared else "is deleted"
    left, digest = "has not run yet" if declared else undeclared, runs[-1].rpartition("/")[2]
    older = f"; earlier ones, to name with --run: {', '.join(_digests(runs[:-1]))}" if len(runs) > 1 else ""
    whose = "left by an earlier one of that name" + (" or declared elsewhere" if ports.shared else "")
    return Shown(
        runs[-1],
        f'project "{project}" {left}: this is run {digest}, {whose}, which went on until '
        f"{_minute(last_at[runs[-1]])}{older}",
    )


async def _times(journal: "Journal", namespace: str, project: str, *, first: bool) -> Mapping[str, datetime]:
    """When something happened first, or last, in each run of the project that is on record."""
    from aios.naming import run_stream
    from aios.parallel import in_parallel
    from aios.projects.runs import runs_of

    async def time(run: str) -> datetime | None:
        before = 0 if first else max(0, await journal.head(run_stream(run)) - 1)
        records = await journal.read(run_stream(run), after=before, limit=1)
        return records[0].at if records else None

    runs = await runs_of(journal, namespace, project)
    times = await in_parallel(time, runs)
    return {run: at for run, at in zip(runs, times, strict=True) if at is not None}


async def _projects_on_record(journal: "Journal", namespace: str) -> Sequence[str]:
    """The namespace's projects that have run, by name."""
    from aios.naming import run_stream

    streams = await journal.streams(run_stream(f"{namespace}/"))
    return list(dict.fromkeys(stream.split("/")[2] for stream in streams))


def _wanted(runs: Sequence[str], digest: str) -> Shown:
    found = [run for run in runs if run.rpartition("/")[2].startswith(digest)]
    if len(found) != 1:
        many = f"{len(found)} runs begin" if found else "no run begins"
        raise NotFoundError(f'{many} with "{digest}"; there are: {", ".join(_digests(runs)) or "none"}')
    return Shown(found[0])


def _digests(runs: Sequence[str]) -> Sequence[str]:
    return [run.rpartition("/")[2] for run in runs]


def _minute(at: datetime) -> str:
    return f"{at.astimezone():%Y-%m-%d %H:%M}"
