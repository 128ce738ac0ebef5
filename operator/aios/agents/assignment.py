"""Assignment: what a doorbell stands for, read from the run's stream. The message itself is never trusted with more."""

from collections.abc import Mapping
from dataclasses import dataclass

from aios.errors import AiosError, CompactedError
from aios.naming import attempt_stream, run_stream
from aios.ports.journal import Journal, Stored
from aios.spec.base import Part
from aios.spec.vocabulary import Privacy
from aios.tasks.attempt_events import ATTEMPT_EVENT, Ended
from aios.tasks.run_events import RUN_EVENT, Dispatched, RunStarted
from aios.tasks.task import Task


class _Begun(Part):
    """What is read of a run's first record; all of it would be every task of the run."""

    kind: str = ""
    members: tuple[str, ...] = ()


class StrayDoorbellError(AiosError):
    """A doorbell that stands for nothing in the journal: drop it."""


@dataclass(frozen=True, slots=True)
class Doorbell:
    """A message's body: which attempt, and at which sequence of the run's stream it was dispatched."""

    run: str
    task: str
    attempt: int
    seq: int

    @classmethod
    def from_body(cls, body: Mapping[str, str | int]) -> "Doorbell":
        """Raises StrayDoorbellError when it is no body of ours."""
        try:
            bell = cls(str(body["run"]), str(body["task"]), int(body["attempt"]), int(body["seq"]))
        except (KeyError, ValueError) as error:
            raise StrayDoorbellError(f"a message without run, task, attempt and seq: {dict(body)!r}") from error
        if bell.run.count("/") != 2 or bell.seq < 1:
            raise StrayDoorbellError(f"not a run, or not a sequence in it: {dict(body)!r}")
        return bell

    @property
    def body(self) -> Mapping[str, str | int]:
        """What a message carries."""
        return {"run": self.run, "task": self.task, "attempt": self.attempt, "seq": self.seq}

    @property
    def key(self) -> str:
        """The attempt's name: run/task/attempt."""
        return f"{self.run}/{self.task}/{self.attempt}"

    @property
    def stream(self) -> str:
        """The attempt's stream."""
        return attempt_stream(self.run, self.task, self.attempt)


@dataclass(frozen=True, slots=True)
class Assignment:
    """One attempt at one task, as the engine dispatched it."""

    bell: Doorbell
    task: Task
    member: str
    model: str
    feedback: str = ""
    members: tuple[str, ...] = ()
    """The team's members; empty when the run's first record is not there any more."""
    feedback_privacy: Privacy = Privacy.PUBLIC
    """The label the attempt ended with that the feedback speaks of."""

    @property
    def namespace(self) -> str:
        """The run's namespace, by the shape of its id."""
        return self.bell.run.split("/")[0]

    @property
    def project(self) -> str:
        """The run's project, by the shape of its id."""
        return self.bell.run.split("/")[1]


async def read_assignment(journal: Journal, bell: Doorbell) -> Assignment:
    """Raises StrayDoorbellError when the run's stream holds no such dispatch."""
    stream = run_stream(bell.run)
    found = await _one(journal, stream, bell.seq)
    event = RUN_EVENT.validate_python(found.data) if found else None
    if not isinstance(event, Dispatched) or (event.task.name, event.attempt) != (bell.task, bell.attempt):
        raise StrayDoorbellError(
            f"{stream} has no dispatch of {bell.task} attempt {bell.attempt} at {bell.seq}. If this is said again and "
            "again, this worker and the engine read different journals: state AIOS_JOURNAL_URL, or AIOS_OBJECTS_URL "
            "where that is not stated, alike for both"
        )
    return Assignment(
        bell=bell,
        task=event.task,
        member=event.member,
        model=event.model,
        feedback=event.feedback,
        members=await _members(journal, stream),
        feedback_privacy=await _ended_privacy(journal, bell) if event.feedback else Privacy.PUBLIC,
    )


async def _one(journal: Journal, stream: str, seq: int) -> Stored | None:
    """The record at `seq`; None when there is none, or none any more."""
    try:
        found = await journal.read(stream, seq - 1, 1)
    except CompactedError:
        return None
    return found[0] if found else None


async def _members(journal: Journal, stream: str) -> tuple[str, ...]:
    first = await _one(journal, stream, 1)
    begun = _Begun.model_validate(first.data) if first else _Begun()
    return begun.members if begun.kind == RunStarted.model_fields["kind"].default else ()


async def _ended_privacy(journal: Journal, bell: Doorbell) -> Privacy:
    """The label of the attempt before this one: its words are in the feedback."""
    if bell.attempt <= 1:
        return Privacy.PUBLIC
    events = await journal.read(attempt_stream(bell.run, bell.task, bell.attempt - 1))
    last = ATTEMPT_EVENT.validate_python(events[-1].data) if events else None
    return last.result.privacy if isinstance(last, Ended) else Privacy.PUBLIC
