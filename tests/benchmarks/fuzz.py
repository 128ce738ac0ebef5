"""The properties of the pure parts on 100,000 cases: routing, decide, the manifest's rebase, the YAML loader.

The properties and strategies are the test suite's own; only the number of cases is another. A failure shows the
smallest case that Hypothesis found.
"""

import json
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.benchmarks.figures import Bench, Better, Failed, Figure, Outcome, Row, Skipped
from tests.benchmarks.fuzz_counting import CASES, COUNTS
from tests.benchmarks.processes import PROJECT, Measured

SHARES = {"projects": 0.02, "spec": 0.25, "routing": 0.13, "workspace": 0.60}
"""Of all cases, by folder of tests. A case costs about 30, 10, 15 and 5 ms of CPU in this order."""
SECONDS = 900.0
NO_TESTS = 5
"""pytest's exit code."""


def measure(bench: Bench) -> Iterator[Outcome]:
    """A line a folder with how many cases ran a second; folders run side by side, one a processor."""
    wanted = bench.pick(100_000, 3_000)
    total, started = 0, time.monotonic()
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        folders = [pool.submit(_folder, bench, name, int(wanted * share)) for name, share in SHARES.items()]
        for outcome, cases in (future.result() for future in folders):
            total += cases
            yield outcome
    yield Row(
        what="all properties",
        unit="cases",
        ours=Figure((float(total),)),
        better=Better.HIGHER,
        goal=wanted * 0.95,
        note=f"in {time.monotonic() - started:.0f} s; {wanted:,} asked for, few possible cases end early",
    )


def _folder(bench: Bench, name: str, wanted: int) -> tuple[Outcome, int]:
    what = f"properties of tests/{name}"
    folder = bench.subfolder(f"fuzz-{name}")
    counts = folder / "counts.json"
    environment = {CASES: str(wanted), COUNTS: str(counts)}
    with Measured(_pytest(name, folder), folder=PROJECT, environment=environment, report=folder) as process:
        usage = process.wait(SECONDS)
        ran: Counter[str] = Counter(json.loads(counts.read_text()) if counts.exists() else {})
        words = process.last_words(100)
    cases = ran.total()
    if usage.code == NO_TESTS:
        return Skipped(what, "no Hypothesis test there"), 0
    if usage.code != 0:
        return Failed(what, f"exit code {usage.code} after {cases:,} cases\n{words}"), cases
    rate = Figure((cases / usage.seconds,))
    note = f"{cases:,} cases of {len(ran)} properties, none failed"
    return Row(what=what, unit="cases/s", ours=rate, better=Better.HIGHER, note=note), cases


def _pytest(name: str, folder: Path) -> list[str]:
    quiet = ["-q", "-p", "no:cacheprovider", "-p", "tests.benchmarks.fuzz_counting", "--timeout", "0"]
    return [sys.executable, "-m", "pytest", *quiet, "-m", "hypothesis", f"--basetemp={folder}/t", f"tests/{name}"]
