"""What a benchmark yields: figures with their samples, and what was not measured and why.

Medians, because one busy moment of the machine must not decide; contestants take turns, because a machine that
grows busier must not decide either.
"""

import statistics
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

Metrics = Mapping[str, float]
"""What one run of one contestant measured, by name."""


class Better(StrEnum):
    """Which way a figure wants to go."""

    LOWER = "lower"
    HIGHER = "higher"


@dataclass(frozen=True, slots=True)
class Figure:
    """A measured quantity. `value` is the median of `samples`."""

    samples: tuple[float, ...]

    @property
    def value(self) -> float:
        return statistics.median(self.samples)


@dataclass(frozen=True, slots=True)
class Peer:
    """Somebody else's figure for the same work."""

    name: str
    figure: Figure


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of a result. `goal` is what we set out to reach, None when there is no such number."""

    what: str
    unit: str
    ours: Figure
    better: Better
    peer: Peer | None = None
    goal: float | None = None
    note: str = ""

    @property
    def ratio(self) -> float | None:
        """Ours divided by the peer's."""
        if self.peer is None or self.peer.figure.value == 0:
            return None
        return self.ours.value / self.peer.figure.value

    @property
    def reached(self) -> bool | None:
        """Whether the goal is reached; None without one."""
        if self.goal is None:
            return None
        return self.ours.value <= self.goal if self.better is Better.LOWER else self.ours.value >= self.goal


@dataclass(frozen=True, slots=True)
class Skipped:
    """Something that could not be measured here; `why` ends with what would make it possible."""

    what: str
    why: str


@dataclass(frozen=True, slots=True)
class Failed:
    """Something that went wrong: a wrong result, or work that never ended."""

    what: str
    why: str


Outcome = Row | Skipped | Failed


class UnavailableError(Exception):
    """What is to be measured is not there; the message says how to get it."""


@dataclass(frozen=True, slots=True)
class Bench:
    """What a benchmark is given: how much to do, a private folder, and where to tell what it is doing."""

    quick: bool
    folder: Path
    say: Callable[[str], None]

    def pick(self, full: int, quick: int) -> int:
        """The amount of work for this run."""
        return quick if self.quick else full

    def subfolder(self, name: str) -> Path:
        """A fresh empty folder, numbered after those of the same name before it."""
        number = 1 + sum(1 for _ in self.folder.glob(f"{name}-*"))
        path = self.folder / f"{name}-{number}"
        path.mkdir(parents=True)
        return path


@dataclass(slots=True)
class _Samples:
    by_metric: dict[str, list[float]] = field(default_factory=dict)

    def add(self, metrics: Metrics) -> None:
        for name, value in metrics.items():
            self.by_metric.setdefault(name, []).append(value)

    def figures(self) -> dict[str, Figure]:
        return {name: Figure(tuple(values)) for name, values in self.by_metric.items()}


def take_turns(rounds: int, contestants: Mapping[str, Callable[[], Metrics]]) -> dict[str, dict[str, Figure]]:
    """Run every contestant `rounds` times, in turns and each round with another one first; figures by name."""
    names = list(contestants)
    collected = {name: _Samples() for name in names}
    for number in range(rounds):
        first = number % len(names)
        for name in names[first:] + names[:first]:
            collected[name].add(contestants[name]())
    return {name: samples.figures() for name, samples in collected.items()}
