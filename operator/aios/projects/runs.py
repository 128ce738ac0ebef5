"""Which runs a project has in the journal: the one it left unfinished, and all of them when it is to be forgotten."""

from aios.naming import project_streams, run_stream
from aios.parallel import in_parallel
from aios.ports.journal import Journal
from aios.projects.fold import fold
from aios.tasks.run_events import RUN_EVENT, RetryRequested, RunEnded


async def runs_of(journal: Journal, namespace: str, project: str) -> tuple[str, ...]:
    """Every run of the project, by name."""
    return await _runs(journal, f"{namespace}/{project}/")


async def unfinished_run(journal: Journal, namespace: str, project: str) -> str | None:
    """The run that has not ended, if there is one. A project has at most one: the next starts when it is over."""
    runs = await runs_of(journal, namespace, project)
    over = await in_parallel(lambda run: has_ended(journal, run), runs)
    return next((run for run, ended in zip(runs, over, strict=True) if not ended), None)


async def orphans(journal: Journal, namespace: str | None, projects: frozenset[tuple[str, str]]) -> tuple[str, ...]:
    """Runs, ended or not, whose project (namespace, name) is none of `projects`: it was deleted."""
    known = await _runs(journal, f"{namespace}/" if namespace else "")
    return tuple(run for run in known if tuple(run.split("/")[:2]) not in projects)


async def forget_runs(journal: Journal, namespace: str, project: str) -> None:
    """Delete all streams of the project, in the end once more those that somebody who was late wrote to meanwhile."""
    prefixes = project_streams(namespace, project)
    for prefix in (*prefixes, *prefixes):
        await in_parallel(journal.delete, await journal.streams(prefix))


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
