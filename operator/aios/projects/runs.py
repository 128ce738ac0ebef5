"""Which runs a project has in the journal: the one it left unfinished, and all of them when it is to be forgotten."""

from aios.naming import attempt_stream, mail_stream, run_stream
from aios.ports.journal import Journal
from aios.projects.fold import fold
from aios.tasks.run_events import RUN_EVENT, RetryRequested, RunEnded


async def runs_of(journal: Journal, namespace: str, project: str) -> tuple[str, ...]:
    """Every run of the project, by name."""
    return await _runs(journal, f"{namespace}/{project}/")


async def unfinished_run(journal: Journal, namespace: str, project: str) -> str | None:
    """The run that has not ended, if there is one. A project has at most one: the next starts when it is over."""
    for run in await runs_of(journal, namespace, project):
        if not await has_ended(journal, run):
            return run
    return None


async def orphans(journal: Journal, namespace: str | None, projects: frozenset[tuple[str, str]]) -> tuple[str, ...]:
    """Runs, ended or not, whose project (namespace, name) is none of `projects`: it was deleted."""
    known = await _runs(journal, f"{namespace}/" if namespace else "")
    return tuple(run for run in known if tuple(run.split("/")[:2]) not in projects)


async def forget_run(journal: Journal, run: str) -> None:
    """Delete the run's own stream last: until then a second call still finds everything."""
    for prefix in (attempt_stream(run, "", 0).removesuffix("/0"), mail_stream(run, "")):
        for stream in await journal.streams(prefix):
            await journal.delete(stream)
    await journal.delete(run_stream(run))


async def _runs(journal: Journal, prefix: str) -> tuple[str, ...]:
    root = run_stream("")
    return tuple(stream.removeprefix(root) for stream in await journal.streams(run_stream(prefix)))


async def has_ended(journal: Journal, run: str) -> bool:
    """Whether nothing more happens in the run by itself; in one without a record nothing ever began.

    The last record tells, except for a retry: only the whole story says whether there was anything to do again.
    """
    stream = run_stream(run)
    last = await journal.read(stream, after=max(0, await journal.head(stream) - 1))
    if not last:
        return True
    events = [RUN_EVENT.validate_python(stored.data) for stored in last]
    if any(isinstance(event, RetryRequested) for event in events):
        events = [RUN_EVENT.validate_python(stored.data) for stored in await journal.read(stream)]
        return fold(events).ended is not None
    return any(isinstance(event, RunEnded) for event in events)
