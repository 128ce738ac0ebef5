"""What may stand in an attempt's stream (`attempts/RUN/TASK/N`): claim, ledger and fence in one.

Whoever appended the last Claimed is the only writer. A zombie's next append is refused, before it can send another
paid call. What is recorded is never asked or done again: a new claimant answers from the record.
"""

from decimal import Decimal
from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from aios.spec.base import Part
from aios.spec.vocabulary import Privacy
from aios.tasks.result import TaskResult


class Claimed(Part):
    """A worker took the attempt; `epoch` counts claims from 1. The same epoch again: it goes on after an outage, or
    it was told to stop."""

    kind: Literal["Claimed"] = "Claimed"
    epoch: int
    worker: str
    yielded: bool = False
    """The worker was told to stop while it worked: however the claim ends, the attempt is not to blame. A field and
    no kind of its own, since readers of an older version ignore fields and refuse kinds that they do not know."""


class Inputs(Part):
    """Everything that is not a function of the record: recorded once, replayed ever after."""

    kind: Literal["Inputs"] = "Inputs"
    member: str
    model: str
    system: str
    """The rendered prompt."""
    user: str
    """The task as the first message states it: instructions, feedback, recalled knowledge, mail."""
    base_commit: str = ""
    base_manifest: str = ""
    """Digest of the manifest the attempt works on."""
    privacy: Privacy
    """The strictest label of everything above."""
    time: str
    """Wall-clock time told to the agent, ISO 8601 UTC."""


class ToolCall(Part):
    """A tool call within a reply."""

    id: str
    name: str
    args: dict[str, object] = Field(default_factory=dict)


class Usage(Part):
    """Tokens one call used. The three kinds of input are disjoint: what a cache served or took is not in
    `input_tokens`."""

    input_tokens: int = 0
    output_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0

    @property
    def all_input_tokens(self) -> int:
        """Everything the model read, cached or not."""
        return self.input_tokens + self.cache_read_tokens + self.cache_write_tokens


class Reply(Part):
    """A model's answer."""

    text: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    usage: Usage = Field(default_factory=Usage)
    model: str = ""
    """What the provider says answered."""
    thinking: dict[str, object] = Field(default_factory=dict)
    """What the model wrote for itself before it called tools, as its provider wants it back with the conversation. For
    the adapter that made it alone; empty where nothing is to be sent back."""


class CallStarted(Part):
    """A call is about to leave; from here on it may be charged."""

    kind: Literal["CallStarted"] = "CallStarted"
    step: int
    number: int
    """Which try of this step, from 1: every try that may be charged has its own record."""
    digest: str
    """Of the request; a resume that asks something else is Diverged if there is an answer to this."""
    worst_case: Decimal
    """USD this call can cost at most."""


class CallFinished(Part):
    """The answer, or the provider's refusal (`error`). Never asked again."""

    kind: Literal["CallFinished"] = "CallFinished"
    step: int
    number: int
    reply: Reply | None = None
    error: str = ""
    transient: bool = False
    in_doubt: bool = False
    """The answer did not arrive whole and may have been charged: `cost` is the worst case."""
    cost: Decimal = Decimal(0)
    unusable: Usage | None = None
    """What an answer used that came whole and was none: declined, or cut off before it called a tool. Final, and
    charged as counted."""
    cached: str = ""
    """The digest of the request where the team's cache gave the answer: no call was started, nothing was charged."""


class ToolStarted(Part):
    """An External tool is about to act; if no ToolDone follows it is done again under the same key."""

    kind: Literal["ToolStarted"] = "ToolStarted"
    step: int
    call: ToolCall


class ToolDone(Part):
    """A tool's answer; `manifest` is the working copy's digest if the tool may have changed files."""

    kind: Literal["ToolDone"] = "ToolDone"
    step: int
    call_id: str
    text: str
    failed: bool = False
    manifest: str = ""
    privacy: Privacy = Privacy.PUBLIC
    """The label of what the tool brought in."""


class Checked(Part):
    """The task's outputs and check were looked at."""

    kind: Literal["Checked"] = "Checked"
    step: int
    passed: bool
    missing: tuple[str, ...] = ()
    text: str = ""
    manifest: str = ""


class CommitIntended(Part):
    """HEAD is about to move; a new claimant rolls it forward."""

    kind: Literal["CommitIntended"] = "CommitIntended"
    commit: str
    base_manifest: str
    manifest: str


class Ended(Part):
    """The attempt is over. This record, not any message, is the result."""

    kind: Literal["Ended"] = "Ended"
    result: TaskResult


AnyAttemptEvent = Annotated[
    Claimed | Inputs | CallStarted | CallFinished | ToolStarted | ToolDone | Checked | CommitIntended | Ended,
    Field(discriminator="kind"),
]

ATTEMPT_EVENT: TypeAdapter[AnyAttemptEvent] = TypeAdapter(AnyAttemptEvent)
