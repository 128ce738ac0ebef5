"""Knowledge: what agents remember beyond a run. No query without a team and a clearance."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from aios.spec.vocabulary import Privacy


@dataclass(frozen=True, slots=True)
class Memory:
    """One thing worth remembering, with its label."""

    text: str
    privacy: Privacy
    source: str
    """Where it came from: run/task/member."""


@dataclass(frozen=True, slots=True)
class Recalled:
    """A memory that matched; a higher score is a better match."""

    memory: Memory
    score: float


class Knowledge(Protocol):
    """Search over remembered text, by namespace and team.

    Promises: a search returns only memories of the same namespace and team whose label the clearance permits;
    remembering the same text for the same team twice keeps one.
    """

    async def remember(self, namespace: str, team: str, memory: Memory) -> str:
        """Keep it; returns its id, a function of namespace, team, label and text. Durable when it returns."""
        ...

    async def search(
        self, namespace: str, team: str, clearance: Privacy, query: str, *, limit: int = 5
    ) -> Sequence[Recalled]:
        """The best matches first, at most `limit`."""
        ...

    async def forget(self, namespace: str, team: str) -> None:
        """Drop everything of a team."""
        ...
