"""AttemptLog: one attempt's stream as its claimant sees it. Claim, ledger and fence in one.

The last Claimed names the only writer. Everything appended here is refused as soon as anyone else has appended, so a
zombie is stopped before its next paid call. Refuses to guess: after a lost reply or a cancelled append it reads back
what became of its own records.
"""

import asyncio
from collections.abc import Awaitable, Callable

from aios.errors import FencedError, SequenceConflictError, ServiceUnavailableError
from aios.ports.journal import Journal, Record, Stored
from aios.tasks.attempt_events import (
    ATTEMPT_EVENT,
    AnyAttemptEvent,
    CallFinished,
    CallStarted,
    Checked,
    Claimed,
    CommitIntended,
    Ended,
    Inputs,
    ToolDone,
    ToolStarted,
)

OUTAGES = 6
DONE = (CallFinished, ToolDone, Checked)
"""What a claim can get done."""


class AttemptLog:
    """What is recorded of an attempt, and the right to add to it. For one task of one event loop at a time; only
    `yields` may run beside it."""

    def __init__(self, journal: Journal, stream: str, sleep: Callable[[float], Awaitable[None]]) -> None:
        self._journal = journal
        self._sleep = sleep
        self._events: list[AnyAttemptEvent] = []
        self._unsettled: dict[str, AnyAttemptEvent] = {}
        self._own: set[str] = set()
        self._ids: list[str] = []
        self._turn = asyncio.Lock()
        self.stream = stream
        self.seq = 0

    @classmethod
    async def open(
        cls, journal: Journal, stream: str, *, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    ) -> "AttemptLog":
        """Read what is recorded. An unknown stream is an attempt nobody claimed yet."""
        log = cls(journal, stream, sleep)
        for stored in await journal.read(stream):
            log._adopt(stored)
        return log

    @property
    def events(self) -> tuple[AnyAttemptEvent, ...]:
        """Every record, in order."""
        return tuple(self._events)

    @property
    def mark(self) -> str:
        """The last record's identity: what a cache says it stands at."""
        return self._ids[-1] if self._ids else ""

    def holds(self, mark: object) -> bool:
        """Whether the record has been at `mark`; if not, whatever stands there is no cache of it."""
        return mark in self._ids

    @property
    def claims(self) -> int:
        """How often the attempt was claimed."""
        return max((event.epoch for event in self._events if isinstance(event, Claimed)), default=0)

    @property
    def fruitless(self) -> int:
        """Claims that came to an end with nothing done after the last answer, tool or check on record. Whoever
        recorded that is the first of them: he died of what comes next, as all did after him. Who was told to stop
        is not among them."""
        last = max((at for at, event in enumerate(self._events) if isinstance(event, DONE)), default=0)
        before, since = (
            [event.epoch for event in events if isinstance(event, Claimed)]
            for events in (self._events[:last], self._events[last:])
        )
        yielded = {event.epoch for event in self._events if isinstance(event, Claimed) and event.yielded}
        return len({*before[-1:], *since} - yielded)

    @property
    def ended(self) -> Ended | None:
        """The result, once there is one."""
        return next((event for event in self._events if isinstance(event, Ended)), None)

    @property
    def ended_at(self) -> int:
        """The sequence number of the result; 0 while there is none."""
        return next((seq for seq, event in enumerate(self._events, start=1) if isinstance(event, Ended)), 0)

    @property
    def inputs(self) -> Inputs | None:
        """What the attempt was given."""
        return next((event for event in self._events if isinstance(event, Inputs)), None)

    @property
    def checked(self) -> Checked | None:
        """How the check went."""
        return next((event for event in self._events if isinstance(event, Checked)), None)

    @property
    def intent(self) -> CommitIntended | None:
        """The commit to roll forward."""
        return next((event for event in self._events if isinstance(event, CommitIntended)), None)

    @property
    def manifest(self) -> str:
        """Digest of the manifest that the working copy had last; "" is the empty one."""
        recorded = [event.manifest for event in self._events if isinstance(event, ToolDone) and event.manifest]
        return recorded[-1] if recorded else (self.inputs.base_manifest if self.inputs else "")

    def calls(self, step: int) -> tuple[CallStarted, ...]:
        """Every try at the model call of `step`."""
        return tuple(event for event in self._events if isinstance(event, CallStarted) and event.step == step)

    def finished(self, step: int) -> tuple[CallFinished, ...]:
        """Every recorded answer or error of `step`."""
        return tuple(event for event in self._events if isinstance(event, CallFinished) and event.step == step)

    def in_doubt(self) -> tuple[CallStarted, ...]:
        """Calls that were started and whose answer is not recorded: they may have been charged."""
        settled = {(event.step, event.number) for event in self._events if isinstance(event, CallFinished)}
        started = (event for event in self._events if isinstance(event, CallStarted))
        return tuple(event for event in started if (event.step, event.number) not in settled)

    def tool_started(self, step: int, call_id: str) -> bool:
        """Whether an External tool was about to act."""
        return any(
            isinstance(event, ToolStarted) and event.step == step and event.call.id == call_id for event in self._events
        )

    def tool_done(self, step: int, call_id: str) -> ToolDone | None:
        """A tool's recorded answer."""
        return next(
            (
                event
                for event in self._events
                if isinstance(event, ToolDone) and event.step == step and event.call_id == call_id
            ),
            None,
        )

    async def claim(self, worker: str) -> int:
        """Become the writer; returns the epoch. Raises FencedError when somebody else was first."""
        epoch = self.claims + 1
        await self.append(Claimed(epoch=epoch, worker=worker))
        return epoch

    async def reclaim(self, epoch: int, worker: str) -> None:
        """Go on under the same claim after an append whose fate is unknown: with this record in, whatever was under
        way before it is either read back or refused for ever. Raises FencedError when the claim is over."""
        await self.append(Claimed(epoch=epoch, worker=worker))

    async def yields(self, epoch: int, worker: str) -> None:
        """Record that the claim's worker was told to stop. May run beside the work. No change when the attempt has
        ended, or may have. Raises as `append`."""
        async with self._turn:
            if not any(isinstance(event, Ended) for event in (*self._events, *self._unsettled.values())):
                await self._append(Claimed(epoch=epoch, worker=worker, yielded=True))

    async def confirm(self) -> None:
        """Raises FencedError when anyone else has written: whatever is about to happen outside must not."""
        if await self.foreign():
            raise FencedError(f"{self.stream}: somebody else has written, or deleted it; this claim is over")

    async def append(self, event: AnyAttemptEvent) -> None:
        """Add one record; it is durable when this returns.

        Raises FencedError when anyone else has written since: stop at once. Raises ServiceUnavailableError when the
        journal stays away; the record may or may not be in. A CallFinished waits for the journal until it is cancelled.
        """
        async with self._turn:
            await self._append(event)

    async def _append(self, event: AnyAttemptEvent) -> None:
        record = Record(data=event.model_dump(mode="json", by_alias=True))
        self._own.add(record.id)
        self._unsettled[record.id] = event
        outages = 0
        while record.id in self._unsettled:
            try:
                await self._journal.append(self.stream, self.seq, [record])
                self._settle(record.id)
            except SequenceConflictError:
                await self._read_back()
            except ServiceUnavailableError:
                outages += 1
                # An answer that was paid for is held as long as the claim lasts: giving it up means paying again.
                if outages > OUTAGES and not isinstance(event, CallFinished):
                    raise
                await self._sleep(min(0.1 * 2 ** min(outages, 5), 2.0))

    async def foreign(self) -> bool:
        """Whether anyone else has written since we last looked, or has deleted the stream: then its last record is not
        where it was."""
        seq, mark = self.seq, self.mark  # before the read: beside it the work's own records go on
        found = await self._journal.read(self.stream, max(0, seq - 1))
        if seq and (not found or found[0].id != mark):
            return True
        return any(stored.id not in self._own for stored in found[bool(seq) :])

    async def _read_back(self) -> None:
        """After a refused append: adopt our own records that went in unnoticed, or stop for somebody else's.

        An append that was cancelled while its thread worked may arrive at any later moment, even after the record
        that followed it was tried first.
        """
        news = [stored for stored in await self._journal.read(self.stream, self.seq) if stored.seq > self.seq]
        if not news and await self._journal.head(self.stream) < self.seq:
            raise FencedError(f"{self.stream} was deleted; this claim is over")
        for stored in news:
            if stored.id not in self._own:
                raise FencedError(f"{self.stream}: record {stored.seq} is somebody else's; this claim is over")
            self._settle(stored.id)

    def _settle(self, record_id: str) -> None:
        event = self._unsettled.pop(record_id)
        self._events.append(event)
        self._ids.append(record_id)
        self.seq += 1

    def _adopt(self, stored: Stored) -> None:
        self._events.append(ATTEMPT_EVENT.validate_python(stored.data))
        self._ids.append(stored.id)
        self.seq = stored.seq
