"""Who declared what, where several installations (state folders, clusters) use the same services.

Runs, queues and files are named after namespace and name, so two installations that declare the same thing work
together, which is wanted: a second host, a lost laptop. Two that mean different things by one name would overwrite
each other; the second is refused. What another installation still declares outlives its deletion here.
"""

import asyncio
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from aios.errors import CompactedError, HeldElsewhereError, SequenceConflictError
from aios.naming import ANNOTATION_TAKE_OVER, declared_stream
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
    def of_folder(cls, identity: str, path: object) -> "Installation":
        return cls(identity, f"{socket.gethostname()}:{path}")

    @classmethod
    def of_cluster(cls, identity: str) -> "Installation":
        return cls(identity, f"Kubernetes cluster {identity}", f"the annotation {ANNOTATION_TAKE_OVER}=true")


@dataclass(frozen=True, slots=True)
class Holder:
    """An installation that declares a thing, as a digest of what it says, since when."""

    installation: Installation
    digest: str
    since: str


@dataclass(frozen=True, slots=True)
class _State:
    seq: int
    holders: Mapping[str, Holder]


class Holders:
    """The declarations in `journal`, as `me` sees and makes them."""

    def __init__(self, journal: Journal, me: Installation) -> None:
        self._journal, self._me = journal, me

    async def declare(self, wanted: Mapping[Ref, str], *, known: Mapping[Ref, str], take_over: bool = False) -> None:
        """Hold everything in `wanted` (digests of what is said), and `known`: what was said before and is held as
        it was. Nothing is held anew when anything is refused.

        Raises HeldElsewhereError naming the first thing of which another installation says something else;
        `take_over` ends its hold instead. Raises ServiceUnavailableError; then some may be held already.
        """
        everything = {**known, **wanted}
        states = dict(zip(everything, await asyncio.gather(*map(self._state, everything)), strict=True))
        changes = {}
        for ref, said in everything.items():
            changed = self._changes(states[ref], said, again=ref in wanted)
            if changed and not take_over:
                self._require_agreement(ref, states[ref], said)
            if changed:
                changes[ref] = said
        await asyncio.gather(*(self._hold(ref, said, states[ref], take_over) for ref, said in changes.items()))

    async def release(self, ref: Ref) -> Sequence[Holder]:
        """Hold it no longer; returns who still does. Raises ServiceUnavailableError."""
        while True:
            state = await self._state(ref)
            others = [holder for identity, holder in state.holders.items() if identity != self._me.id]
            if self._me.id not in state.holders:
                return others
            try:
                await self._append(ref, state, {"released": True})
            except SequenceConflictError:
                continue
            return others

    async def ours(self, ref: Ref) -> bool:
        """Whether we hold it, alone or with others."""
        return self._me.id in (await self._state(ref)).holders

    async def elsewhere(self, ref: Ref) -> bool:
        """Whether another installation holds it."""
        return bool((await self._state(ref)).holders.keys() - {self._me.id})

    def _changes(self, state: _State, said: str, *, again: bool) -> bool:
        mine = state.holders.get(self._me.id)
        return mine is None or (again and mine.digest != said)

    def _require_agreement(self, ref: Ref, state: _State, said: str) -> None:
        for identity, holder in state.holders.items():
            if identity != self._me.id and holder.digest != said:
                raise HeldElsewhereError(
                    f"{ref}: another installation, {holder.installation.where}, uses the same services (since "
                    f"{holder.since}) and says something else by this name; nothing of it was applied here. Use "
                    "another namespace (AIOS_NAMESPACE) or services of your own (?prefix= in AIOS_OBJECTS_URL, another "
                    f"vhost), or make the two say the same. If that one is gone: {self._me.takes_over}"
                )

    async def _hold(self, ref: Ref, said: str, state: _State, take_over: bool) -> None:
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
            await self._journal.compact(Snapshot(stream, now.seq, _spelled(now.holders)))

    async def _state(self, ref: Ref) -> _State:
        stream = declared_stream(ref.namespace, ref.kind, ref.name)
        while True:
            snapshot = await self._journal.snapshot(stream)
            seq, holders = (snapshot.seq, _read(snapshot.state)) if snapshot else (0, {})
            try:
                records = await self._journal.read(stream, after=seq)
            except CompactedError:  # since the snapshot was read
                continue
            return _State(records[-1].seq if records else seq, _folded(holders, records))


def _folded(before: Mapping[str, Holder], records: Sequence[Stored]) -> Mapping[str, Holder]:
    holders = dict(before)
    for record in records:
        identity = str(record.data["installation"])
        if record.data.get("takesOver"):
            holders.clear()
        if record.data.get("released"):
            holders.pop(identity, None)
            continue
        installation = Installation(identity, str(record.data["where"]))
        holders[identity] = Holder(installation, str(record.data["digest"]), _day(record.at))
    return holders


def _day(at: datetime) -> str:
    return at.isoformat(timespec="minutes")


def _spelled(holders: Mapping[str, Holder]) -> JSON:
    return {
        identity: {"where": holder.installation.where, "digest": holder.digest, "since": holder.since}
        for identity, holder in holders.items()
    }


def _read(state: JSON) -> dict[str, Holder]:
    return {
        identity: Holder(Installation(identity, str(said["where"])), str(said["digest"]), str(said["since"]))
        for identity, said in state.items()
        if isinstance(said, Mapping)
    }
