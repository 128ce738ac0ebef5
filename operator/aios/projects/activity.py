"""What each agent has done so far, for its columns: a sum over run streams that only reads what is new."""

import asyncio
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from aios.naming import agent_name, run_stream
from aios.ports.journal import Journal
from aios.projects.run_tails import RunTails
from aios.tasks.run_events import AnyRunEvent, AttemptEnded, Dispatched, RunStarted


@dataclass(frozen=True, slots=True)
class Activity:
    """Attempts that ended, and the tokens they used."""

    done: int = 0
    tokens: int = 0


@dataclass(slots=True)
class _Run:
    """One run, as far as it was read."""

    team: str = ""
    members: dict[tuple[str, int], str] = field(default_factory=dict)
    """Who has each attempt that has not ended."""
    done: Counter[str] = field(default_factory=Counter)
    tokens: Counter[str] = field(default_factory=Counter)

    def take(self, event: AnyRunEvent) -> None:
        match event:
            case RunStarted(team=team):
                self.team = team
                for begun_anew in (self.members, self.done, self.tokens):
                    begun_anew.clear()
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
        self._tails: dict[str, RunTails] = {}
        self._runs: dict[str, dict[str, _Run]] = {}
        self._reading = asyncio.Lock()
        """Two readers at once would count the same records twice."""

    async def read(self, namespace: str) -> Mapping[str, Activity]:
        """By agent name, for the namespace; an agent that has done nothing is not listed."""
        async with self._reading:
            tails = self._tails.setdefault(namespace, RunTails(self._journal, run_stream(f"{namespace}/")))
            runs = self._runs.setdefault(namespace, {})
            async for stored, event in tails.news():
                runs.setdefault(stored.stream, _Run()).take(event)
            for gone in runs.keys() - tails.streams:
                del runs[gone]
            return _summed(runs.values())


def _summed(runs: Collection[_Run]) -> Mapping[str, Activity]:
    agents = sorted({agent for run in runs for agent in run.done})
    return {
        agent: Activity(sum(run.done[agent] for run in runs), sum(run.tokens[agent] for run in runs))
        for agent in agents
    }
