"""What `aios up` prints while several projects run at once."""

import errno
from datetime import UTC, datetime
from io import StringIO

import pytest

from aios.cli.progress import Progress
from aios.cli.story import Said
from aios.errors import EnvironmentProblemError
from aios.spec.project import TaskSpec
from aios.spec.vocabulary import ProjectPhase
from aios.tasks.run_events import AnyRunEvent, Planned, RunEnded, RunStarted, Waiting
from aios.wiring.follow import RunRecord


def shown(*told: tuple[str, AnyRunEvent]) -> list[str]:
    """The lines printed for events, each of the namespace/project named with it."""
    stream = StringIO()
    progress = Progress(stream=stream)
    for number, (project, event) in enumerate(told):
        progress.happened(RunRecord(f"{project}/1", number + 1, datetime.now(UTC), event))
    return stream.getvalue().splitlines()


def started(project: str) -> tuple[tuple[str, AnyRunEvent], ...]:
    namespace, name = project.split("/")
    run = RunStarted(run=f"{project}/1", namespace=namespace, project=name, team="t", goal="g")
    return (project, run), (
        project,
        Planned(member="", model="", tasks=(TaskSpec(name="make", instructions="Make it."),)),
    )


WAITS = Waiting(task="make", reason="nobody may")


def test_tasks_of_two_projects_at_once_are_told_apart() -> None:
    one, two = "default/one", "default/two"
    lines = shown(*started(one), *started(two), (one, WAITS), (two, WAITS))
    assert [line.split()[0] for line in lines] == ["one", "two", "one/make", "two/make"]


def test_projects_of_one_name_in_two_namespaces_are_told_apart() -> None:
    lines = shown(*started("default/p"), *started("staging/p"), ("staging/p", WAITS))
    assert [line.split()[0] for line in lines] == ["p", "staging/p", "staging/p/make"]


def test_a_project_alone_or_after_another_needs_no_name_before_its_tasks() -> None:
    one, two = "default/one", "default/two"
    over = RunEnded(at=1.0, phase=ProjectPhase.SUCCEEDED)
    lines = shown(*started(one), (one, over), *started(two), (two, WAITS))
    assert lines[-1].split()[0] == "make"


class Full(StringIO):
    """A file on a full disk."""

    def flush(self) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")


def test_an_output_that_cannot_be_written_is_told_as_that() -> None:
    with pytest.raises(EnvironmentProblemError, match="cannot write the output: No space left on device"):
        Progress(stream=Full()).line(Said("a line"))
