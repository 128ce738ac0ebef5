"""`aios logs PROJECT[/TASK]`: what happened, from the journal: the run in lines, or a task's attempts word by word."""

import asyncio
import textwrap
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from aios.cli.options import Namespace, State
from aios.cli.reading import with_records
from aios.cli.run_to_show import LOOK_SECONDS, run_to_come, run_to_show
from aios.cli.terminal import out, paint, say, visible
from aios.errors import NotFoundError, ServiceUnavailableError

if TYPE_CHECKING:
    from aios.ports.journal import Stored
    from aios.tasks.attempt_events import AnyAttemptEvent
    from aios.wiring.ports import WorkPorts

T = TypeVar("T")

app = typer.Typer(add_completion=False)

LONGEST = 4_000
"""Characters shown of one text."""


@app.command()
def logs(
    target: Annotated[str, typer.Argument(metavar="PROJECT[/TASK]", help="The run, or everything one task did.")],
    *,
    follow: Annotated[bool, typer.Option("-f", "--follow", help="Go on until it ended (Ctrl-C ends it).")] = False,
    wanted: Annotated[
        str, typer.Option("--run", metavar="DIGEST", help="An earlier run: how the last part of its name begins.")
    ] = "",
    namespace: Namespace = "default",
    state: State = None,
) -> None:
    """Show what happened in a project, or with /TASK what its agents were asked, said and did.

    Without a state folder: at the services that AIOS_BROKER_URL, AIOS_OBJECTS_URL and AIOS_SESSIONS_URL name.
    """
    from aios.cli.state import is_named

    project, _, task = target.partition("/")
    named = is_named(state)
    if follow and named:
        _await_folder(state)

    async def work(ports: "WorkPorts") -> None:
        if follow and not wanted:
            shown = await _until_served(lambda: run_to_come(ports, namespace, project, named=named))
        else:
            shown = await run_to_show(ports, namespace, project, wanted=wanted)
        if shown.remark:
            say(shown.remark)
        if task:
            await _task(ports, shown.run, task, follow=follow)
        else:
            await _run(ports, shown.run, project, follow=follow)

    with_records(state, work, for_ever=follow)


async def _until_served(work: Callable[[], Awaitable[T]]) -> T:
    """The result of `work`, begun again while a service is away; `with_records` says which."""
    while True:
        try:
            return await work()
        except ServiceUnavailableError:
            await asyncio.sleep(LOOK_SECONDS)


def _await_folder(state: Path | None) -> None:
    from aios.cli.state import shown, to_use

    folder = to_use(state, ())
    if not folder.exists:
        say(f"waiting: no state folder {shown(folder.path)} yet; `aios up` makes it")
    while not folder.exists:
        time.sleep(LOOK_SECONDS)


async def _run(ports: "WorkPorts", run: str, project: str, *, follow: bool) -> None:
    from aios.cli.story import Story
    from aios.naming import run_stream
    from aios.wiring.follow import RunReader

    story = Story(project)

    def over() -> bool:
        return not follow or story.view.state.ended is not None

    async for record in RunReader(ports.journal, {}, prefix=run_stream(run)).follow(over):
        for said in story.tell(record.event):
            text = said.text.replace(said.word, paint(said.word, said.style or "bold"), 1) if said.word else said.text
            out(f"{_clock(record.at)}  {text}")


async def _task(ports: "WorkPorts", run: str, task: str, *, follow: bool) -> None:
    """What every attempt at the task did; with `follow` goes on until the task, or its run, has ended. Raises
    NotFoundError when there was none, and there will be none."""
    from aios.cli.task_records import TaskReader, TaskWatch

    reader, watch = TaskReader(ports.journal, run, task), TaskWatch(ports.journal, run, task)
    begun = said = False
    while True:
        # Asked before reading, so that what was recorded up to the end is read.
        over = not follow or await _until_served(watch.over)
        for attempt, records in await (_until_served(reader.news) if follow else reader.news()):
            begun = True
            _tell_attempt(attempt, records)
        if over:
            break
        if not begun and not said:
            say(f"waiting: {watch.obstacle()}")
            said = True
        await watch.changed()
    if not begun:
        raise NotFoundError(watch.unknown() or await reader.nothing())


def _tell_attempt(attempt: int, records: "Sequence[Stored]") -> None:
    """What is new of it, below its number when this is its beginning."""
    from aios.tasks.attempt_events import ATTEMPT_EVENT

    if records[0].seq == 1:
        out(paint(f"attempt {attempt}", "bold"))
    for stored in records:
        for line in _told(ATTEMPT_EVENT.validate_python(stored.data)):
            out(f"{_clock(stored.at)}  {line}" if not line.startswith(" ") else line)


def _told(event: "AnyAttemptEvent") -> Iterator[str]:
    from aios.tasks import attempt_events as events

    match event:
        case events.Claimed(yielded=True):
            yield f"{event.worker} was told to stop"
        case events.Claimed():
            yield f"claimed by {event.worker}"
        case events.Inputs():
            yield f"{event.member} with model {event.model}, data is {event.privacy}"
            yield from _block("system", event.system)
            yield from _block("task", event.user)
        case events.CallFinished(reply=None):
            yield f"model call {event.step}.{event.number} failed: {visible(event.error)}"
        case events.CallFinished(reply=events.Reply() as reply):
            used = f"{reply.usage.input_tokens} + {reply.usage.output_tokens} tokens, ${event.cost}"
            used = "from the cache of replies" if event.cached else used
            yield f"{visible(reply.model or 'the model')} said ({used})"
            yield from _block("", reply.text)
            for call in reply.tool_calls:
                yield visible(f"  -> {call.name}({', '.join(f'{k}={_short(v)}' for k, v in call.args.items())})")
        case events.ToolDone():
            yield f"tool {'failed' if event.failed else 'answered'}"
            yield from _block("", event.text)
        case events.Checked():
            missing = f", missing {visible(', '.join(event.missing))}" if event.missing else ""
            yield f"check {'passed' if event.passed else 'failed'}{missing}"
            yield from _block("", event.text)
        case events.Ended():
            yield f"ended: {event.result.outcome}"
            if event.result.outcome != "Succeeded":
                yield from _block("", event.result.message)
        case _:
            pass


def _block(title: str, text: str) -> Iterator[str]:
    if not text.strip():
        return
    cut = visible(text if len(text) <= LONGEST else f"{text[:LONGEST]} ... ({len(text)} characters)")
    if title:
        yield f"    {paint(title, 'dim')}"
    yield from textwrap.indent(cut.rstrip(), "    ", lambda _: True).splitlines()


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _clock(at: datetime) -> str:
    return paint(at.astimezone().strftime("%H:%M:%S"), "dim")
