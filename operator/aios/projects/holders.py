"""Who declared what, where several installations (state folders, clusters) use the same services.

Runs, queues and files are named after namespace and name, so two installations that declare the same thing work
together, which is wanted: a second host, a lost laptop. Two that mean different things by one name would overwrite
each other; the second is refused. What another installation still declares outlives its deletion here.
"""

import contextlib
import socket
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter

from aios.errors import (
    BeingRemovedError,
    CompactedError,
    HeldElsewhereError,
    SequenceConflictError,
)
from aios.naming import ANNOTATION_TAKE_OVER, declared_stream
from aios.parallel import in_parallel
from aios.ports.journal import JSON, Journal, Record, Snapshot, Stored
from aios.spec.base import Kind, Ref

HELD = frozenset({Kind.CONFIG_MAP, Kind.MODEL, Kind.TEAM, Kind.PROJECT})
"""What is declared. Not Secrets: they are used where they are stated, and a digest of one could be guessed from."""
KEPT_RECORDS = 16
"""A stream longer than this is compacted: what counts is the last word of each holder."""


@dataclass(frozen=True, slots=True)
class Installation:
    """One state folder or cluster: `id` is unique, `where` tells a person which it is."""

    id: str
    where: str

    takes_over: str = "`aios up --take-over`"
    """How a person says that another one is gone."""

    @classmethod
    def of_folder(cls, identity: str, path: Path) -> "Installation":
        return cls(identity, f"{socket.gethostname()}:{path}")

    @classmethod
    def of_cluster(cls, identity: str) -> "Installation":
        return cls(identity, f"Kubernetes cluster {identity}", f"the annotation {ANNOTATION_TAKE_OVER}=NEW-VALUE")


@dataclass(frozen=True, slots=True)
class Holder:
    """An installation that declares a thing, as a digest of what it says, since when."""

    where: str
    digest: str
    since: str
    removing: bool = False
    """It was deleted there, and its run and files are being removed."""


@dataclass(frozen=True, slots=True)
class _State:
    seq: int
    holders: Mapping[str, Holder]
    used: frozenset[str]
    """What took over before, as installation/value."""


_STATE = TypeAdapter(_State)
"""Of what a snapshot keeps."""


class Holders:
    """The declarations in `journal`, as `me` sees and makes them."""

    def __init__(self, journal: Journal, me: Installation) -> None:
        self._journal, self._me = journal, me

    async def declare(self, wanted: Mapping[Ref, str], *, known: Mapping[Ref, str], take_over: str = "") -> None:
        """Hold everything in `wanted` (digests of what is said), and `known`: what was said before and is held as
        it was. Nothing is held anew when anything is refused.

        Raises HeldElsewhereError naming the first thing of which another installation says something else, and
        BeingRemovedError while another one removes what it had by a name, ServiceUnavailableError when the journal is
        away; then some may be held already. `take_over`, which works once for each thing and value, ends the hold of
        others on what is wanted, or, where nothing is, on what is known.
        """
        states = await self._states({**known, **wanted})
        changes = self._changes(states, wanted, known)
        seized: set[Ref] = set()
        for ref, said in changes.items():
            if take_over and ref in (wanted or known) and f"{self._me.id}/{take_over}" not in states[ref].used:
                seized.add(ref)
            else:
                self._require_agreement(ref, states[ref], said)
        await in_parallel(
            lambda ref: self._hold(ref, changes[ref], states[ref], take_over if ref in seized else ""), changes
        )

    async def check(self, wanted: Mapping[Ref, str], *, known: Mapping[Ref, str]) -> None:
        """Raise what `declare` would, and hold nothing."""
        states = await self._states({**known, **wanted})
        for ref, said in self._changes(states, wanted, known).items():
            self._require_agreement(ref, states[ref], said)

    async def release(self, ref: Ref) -> None:
        """Hold it no longer. Raises ServiceUnavailableError."""
        while (state := await self._state(ref)) and self._me.id in state.holders:
            with contextlib.suppress(SequenceConflictError):
                await self._append(ref, state, {"released": True})

    async def begin_removal(self, ref: Ref) -> Sequence[Holder]:
        """Before what stands behind a name is removed: returns who else declares it, and then we hold it no longer and
        nothing is to be removed. If nobody does, others wait until we `release` it."""
        while True:
            state = await self._state(ref)
            others = [holder for who, holder in state.holders.items() if who != self._me.id]
            if others:
                await self.release(ref)
                return others
            mine = state.holders.get(self._me.id)
            with contextlib.suppress(SequenceConflictError):
                await self._append(ref, state, {"digest": mine.digest if mine else "", "removing": True})
                return ()

    async def ours(self, ref: Ref) -> bool:
        """Whether we hold it, alone or with others."""
        return self._me.id in (await self._state(ref)).holders

    async def ours_of(self, refs: Sequence[Ref]) -> Sequence[Ref]:
        """Those that we hold, in order."""
        return [ref for ref, state in (await self._states(refs)).items() if self._me.id in state.holders]

    async def elsewhere(self, ref: Ref) -> bool:
        """Whether another installation holds it."""
        return bool(await self.others(ref))

    async def others(self, ref: Ref) -> Sequence[Holder]:
        """Which other installations hold it."""
        return [holder for who, holder in (await self._state(ref)).holders.items() if who != self._me.id]

    def _changes(
        self, states: Mapping[Ref, _State], wanted: Mapping[Ref, str], known: Mapping[Ref, str]
    ) -> Mapping[Ref, str]:
        """What is not held yet, or with another digest."""
        mine = {ref: state.holders.get(self._me.id) for ref, state in states.items()}
        return {
            ref: said
            for ref, said in {**known, **wanted}.items()
            if (held := mine[ref]) is None or (ref in wanted and held.digest != said)
        }

    def _require_agreement(self, ref: Ref, state: _State, said: str) -> None:
        for holder in (holder for identity, holder in state.holders.items() if identity != self._me.id):
            where = holder.where
            if holder.removing:
                raise BeingRemovedError(
                    f"{ref}: another installation on the same services, {where}, removes what it had by this name "
                    f"(since {holder.since}). If that one is gone: {self._me.takes_over}"
                )
            if holder.digest != said:
                raise HeldElsewhereError(
                    f"{ref}: another installation, {where}, uses the same services (since {holder.since}) and says "
                    "something else by this name; nothing of it was applied here. Use another namespace "
                    "(AIOS_NAMESPACE) or services of your own (?prefix= in AIOS_OBJECTS_URL, another vhost), or make "
                    f"the two say the same. If that one is gone: {self._me.takes_over}"
                )

    async def _hold(self, ref: Ref, said: str, state: _State, take_over: str) -> None:
        while True:
            try:
                await self._append(ref, state, {"digest": said, "takesOver": take_over})
            except SequenceConflictError:
                state = await self._state(ref)
                if not take_over:
                    self._require_agreement(ref, state, said)
                continue
            return

    async def _append(self, ref: Ref, state: _State, data: JSON) -> None:
        stream = declared_stream(ref.namespace, ref.kind, ref.name)
        record = Record({"installation": self._me.id, "where": self._me.where, **data})
        seq = await self._journal.append(stream, state.seq, [record])
        if seq >= KEPT_RECORDS and seq % KEPT_RECORDS == 0:
            now = await self._state(ref)
            await self._journal.compact(Snapshot(stream, now.seq, _STATE.dump_python(now, mode="json")))

    async def _states(self, refs: Collection[Ref]) -> Mapping[Ref, _State]:
        return dict(zip(refs, await in_parallel(self._state, refs), strict=True))

    async def _state(self, ref: Ref) -> _State:
        stream = declared_stream(ref.namespace, ref.kind, ref.name)
        while True:
            snapshot = await self._journal.snapshot(stream)
            before = _STATE.validate_python(snapshot.state) if snapshot else _State(0, {}, frozenset())
            try:
                return _folded(before, await self._journal.read(stream, after=before.seq))
            except CompactedError:  # since the snapshot was read
                continue


def _folded(before: _State, records: Sequence[Stored]) -> _State:
    holders, used, seq = dict(before.holders), set(before.used), before.seq
    for record in records:
        seq, data, identity = record.seq, record.data, str(record.data["installation"])
        if data.get("takesOver"):
            holders.clear()
            used.add(f"{identity}/{data['takesOver']}")
        if data.get("released"):
            holders.pop(identity, None)
            continue
        holders[identity] = Holder(
            where=str(data["where"]),
            digest=str(data["digest"]),
            since=record.at.isoformat(timespec="minutes"),
            removing=bool(data.get("removing")),
        )
    return _State(seq, holders, frozenset(used))
