"""What each agent has done so far, for its columns: a sum over run streams that only reads what is new."""

import asyncio
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from aios.naming import agent_name, run_stream
from aios.ports.journal import Journal
from aios.tasks.run_events import RUN_EVENT, AttemptEnded, Dispatched, RunStarted


@dataclass(frozen=True, slots=True)
class Activity:
    """Attempts that ended, and the tokens they used."""

    done: int = 0
    tokens: int = 0


@dataclass(slots=True)
class _Stream:
    """One run, as far as it was read."""

    seq: int = 0
    team: str = ""
    members: dict[tuple[str, int], str] = field(default_factory=dict)
    """Who has each attempt that has not ended."""
    done: Counter[str] = field(default_factory=Counter)
    tokens: Counter[str] = field(default_factory=Counter)

    def take(self, data: Mapping[str, object]) -> None:
        match RUN_EVENT.validate_python(data):
            case RunStarted(team=team):
                self.team = team
            case Dispatched(task=task, attempt=attempt, member=member):
                self.members[task.name, attempt] = agent_name(self.team, member)
            case AttemptEnded(task=name, attempt=attempt, result=result):
                agent = self.members.pop((name, attempt), None)
                if agent is not None:
                    self.done[agent] += 1
                    self.tokens[agent] += result.spend.input_tokens + result.spend.output_tokens
            case _:
                pass


class ActivityLedger:
    """Reads the journal; a project that was deleted with its journal no longer counts."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._streams: dict[str, _Stream] = {}
        self._reading = asyncio.Lock()
        """Two readers at once would count the same records twice."""

    async def read(self, namespace: str) -> Mapping[str, Activity]:
        """By agent name, for the namespace; an agent that has done nothing is not listed."""
        async with self._reading:
            return await self._read(run_stream(f"{namespace}/"))

    async def _read(self, prefix: str) -> Mapping[str, Activity]:
        heads = {head.stream: head.seq for head in await self._journal.streams(prefix)}
        for stream in [known for known in self._streams if known.startswith(prefix) and known not in heads]:
            del self._streams[stream]
        for stream, head in heads.items():
            await self._read_on(stream, head)
        return self._summed(prefix)

    def _summed(self, prefix: str) -> Mapping[str, Activity]:
        mine = [run for stream, run in self._streams.items() if stream.startswith(prefix)]
        agents = sorted({agent for run in mine for agent in run.done})
        return {
            agent: Activity(sum(run.done[agent] for run in mine), sum(run.tokens[agent] for run in mine))
            for agent in agents
        }

    async def _read_on(self, stream: str, head: int) -> None:
        run = self._streams.get(stream)
        if run is None or run.seq > head:  # shorter than it was: deleted and begun again
            run = self._streams[stream] = _Stream()
        if run.seq < head:
            for stored in await self._journal.read(stream, after=run.seq):
                run.take(stored.data)
                run.seq = stored.seq
