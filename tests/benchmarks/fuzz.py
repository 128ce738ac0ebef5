"""The properties of the pure parts on 100,000 cases: routing, decide, the manifest's rebase, the YAML loader.

The properties and strategies are the test suite's own; only the number of cases is another. A failure shows the
smallest case that Hypothesis found.
"""

import json
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from tests.benchmarks.figures import Bench, Better, Failed, Figure, Outcome, Row, Skipped
from tests.benchmarks.fuzz_counting import CASES, COUNTS
from tests.benchmarks.processes import PROJECT, Measured

SHARES = {"routing": 0.35, "workspace": 0.35, "spec": 0.25, "projects": 0.05}
"""Of all cases, by folder of tests. A case of `projects` plays whole runs and takes a hundred times as long."""
SECONDS = 900.0


def measure(bench: Bench) -> Iterator[Outcome]:
    """A line a folder with how many cases ran and how many tests failed, and one for all."""
    wanted = bench.pick(100_000, 3_000)
    total, seconds = 0, 0.0
    for folder, share in SHARES.items():
        outcome, cases = _folder(bench, folder, int(wanted * share))
        total += cases
        seconds += cases / outcome.ours.value if isinstance(outcome, Row) else 0.0
        yield outcome
    yield Row(
        what="all properties",
        unit="cases",
        ours=Figure((float(total),)),
        better=Better.HIGHER,
        goal=float(wanted) * 0.95,
        note=f"in {seconds:.0f} s; small spaces end early",
    )


def _folder(bench: Bench, name: str, wanted: int) -> tuple[Outcome, int]:
    what = f"properties of tests/{name}"
    tests = _tests(bench, name)
    if not tests:
        return Skipped(what, "no Hypothesis test there"), 0
    folder = bench.subfolder(f"fuzz-{name}")
    counts = folder / "counts.json"
    environment = {CASES: str(max(1, -(-wanted // tests))), COUNTS: str(counts), "CI": ""}
    with Measured(_pytest(name, folder), folder=PROJECT, environment=environment, report=folder) as process:
        usage = process.wait(SECONDS)
        ran: Counter[str] = Counter(json.loads(counts.read_text()) if counts.exists() else {})
    cases = ran.total()
    if usage.code != 0 or not cases:
        return Failed(what, f"exit code {usage.code} after {cases:,} cases\n{process.last_words()}"), cases
    rate = Figure((cases / usage.seconds,))
    note = f"{cases:,} cases of {len(ran)} properties, none failed"
    return Row(what=what, unit="cases/s", ours=rate, better=Better.HIGHER, note=note), cases


def _tests(bench: Bench, name: str) -> int:
    """How many Hypothesis tests the folder has."""
    folder = bench.subfolder(f"collect-{name}")
    environment = {CASES: "1", COUNTS: str(folder / "counts.json")}
    command = [*_pytest(name, folder), "--collect-only"]
    with Measured(command, folder=PROJECT, environment=environment, report=folder) as process:
        return sum(1 for line in process.lines() if "::" in line.text)


def _pytest(name: str, folder: Path) -> list[str]:
    quiet = ["-q", "-p", "no:cacheprovider", "-p", "tests.benchmarks.fuzz_counting", "--timeout", "0"]
    return [
        sys.executable,
        "-m",
        "pytest",
        *quiet,
        "-m",
        "hypothesis",
        "--basetemp",
        str(folder / "t"),
        f"tests/{name}",
    ]
