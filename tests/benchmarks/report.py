"""Results as aligned lines for people and as JSON for programs."""

import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tests.benchmarks.figures import Better, Failed, Figure, Outcome, Row, Skipped

HEAD = ("what", "ours", "peer", "ours/peer", "note")
WIDTHS = (46, 14, 42, 11)


@dataclass(frozen=True, slots=True)
class Result:
    """One benchmark's outcomes and how long it took in seconds."""

    name: str
    about: str
    outcomes: tuple[Outcome, ...]
    seconds: float


def line(outcome: Outcome) -> str:
    """One aligned line."""
    match outcome:
        case Row():
            return _aligned(
                outcome.what, _shown(outcome.ours, outcome.unit), _peer(outcome), _ratio(outcome), _note(outcome)
            )
        case Skipped():
            return f"{outcome.what:{WIDTHS[0]}}  skipped: {_first_line(outcome.why)}"
        case Failed():
            return f"{outcome.what:{WIDTHS[0]}}  FAILED: {_first_line(outcome.why)}"


def _first_line(text: str) -> str:
    return text.partition("\n")[0]


def header() -> str:
    return _aligned(*HEAD)


def summary(results: Sequence[Result]) -> list[str]:
    """The table at the end: everything once more, by benchmark, with goals and failures counted."""
    lines = [header()]
    for result in results:
        lines += [f"-- {result.name}: {result.about} ({result.seconds:.0f} s)", *map(line, result.outcomes)]
    rows = [outcome for result in results for outcome in result.outcomes if isinstance(outcome, Row)]
    goals = [row for row in rows if row.goal is not None]
    reached = sum(1 for row in goals if row.reached)
    failed = sum(1 for result in results for outcome in result.outcomes if isinstance(outcome, Failed))
    skipped = sum(1 for result in results for outcome in result.outcomes if isinstance(outcome, Skipped))
    return [*lines, f"{len(rows)} figures, {reached} of {len(goals)} goals reached, {skipped} skipped, {failed} failed"]


def machine() -> dict[str, object]:
    """What the figures were measured on, and how busy it was with other things."""
    load = os.getloadavg()[0]
    return {
        "cpus": os.cpu_count() or 0,
        "load": round(load, 2),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
    }


def to_json(results: Sequence[Result], *, quick: bool, before: Mapping[str, object]) -> dict[str, object]:
    """`{"machine", "quick", "benchmarks": [{"name", "about", "seconds", "outcomes": [...]}]}`."""
    benchmarks = [
        {
            "name": result.name,
            "about": result.about,
            "seconds": round(result.seconds, 1),
            "outcomes": [_outcome_json(outcome) for outcome in result.outcomes],
        }
        for result in results
    ]
    return {"machine": dict(before), "quick": quick, "benchmarks": benchmarks}


def _outcome_json(outcome: Outcome) -> dict[str, object]:
    if not isinstance(outcome, Row):
        return {"what": outcome.what, type(outcome).__name__.lower(): outcome.why}
    peer = outcome.peer
    return {
        "what": outcome.what,
        "unit": outcome.unit,
        "better": outcome.better.value,
        "ours": _figure_json(outcome.ours),
        "peer": None if peer is None else {"name": peer.name, **_figure_json(peer.figure)},
        "ratio": outcome.ratio,
        "goal": outcome.goal,
        "reached": outcome.reached,
        "note": outcome.note,
    }


def _figure_json(figure: Figure) -> dict[str, object]:
    return {"value": figure.value, "samples": list(figure.samples)}


def _aligned(what: str, ours: str, peer: str, ratio: str, note: str) -> str:
    cells = (what.ljust(WIDTHS[0]), ours.rjust(WIDTHS[1]), peer.rjust(WIDTHS[2]), ratio.rjust(WIDTHS[3]))
    return "  ".join((*cells, note)).rstrip()


def _shown(figure: Figure, unit: str) -> str:
    return f"{_number(figure.value)} {unit}".rstrip()


def _number(value: float) -> str:
    """Three digits that mean something."""
    if value == 0 or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def _peer(row: Row) -> str:
    return f"{row.peer.name} {_number(row.peer.figure.value)}" if row.peer else ""


def _ratio(row: Row) -> str:
    if row.ratio is None:
        return ""
    good = row.ratio <= 1 if row.better is Better.LOWER else row.ratio >= 1
    return f"{_number(row.ratio)} {'+' if good else '-'}"


def _note(row: Row) -> str:
    if row.goal is None:
        return row.note
    sign = "<=" if row.better is Better.LOWER else ">="
    goal = f"goal {sign} {row.goal:g} {row.unit}: {'reached' if row.reached else 'MISSED'}"
    return f"{goal}; {row.note}" if row.note else goal
