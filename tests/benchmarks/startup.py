"""How long a person waits: for help, for a verdict on their YAML, for the first thing done; and the memory it takes.

Peers are what one would otherwise type at that moment, and the floor: a bare interpreter, or the YAML library alone.
"""

import re
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tests.benchmarks.celery_peer import Store, celery_peer
from tests.benchmarks.figures import (
    Bench,
    Better,
    Failed,
    Metrics,
    Outcome,
    Peer,
    Row,
    take_turns,
)
from tests.benchmarks.processes import BIN, PROJECT, Measured, ProcessFailedError, run

AIOS = BIN / "aios"
HELLO = PROJECT / "examples" / "01-hello"
SOFTWARE = PROJECT / "examples" / "02-software-team"
SECONDS, MEGABYTES = "seconds", "megabytes"
FIRST = "first"
OURS = "aios"
_READ = """
import sys, pathlib, ruamel.yaml
for file in pathlib.Path(sys.argv[1]).glob("*.yaml"):
    list(ruamel.yaml.YAML().load_all(file.read_text()))
"""
FIRST_DONE = re.compile(r"\bgreet\b.*\bdone\b")


def measure(bench: Bench) -> Iterator[Outcome]:
    """Help, validate, plan, and `aios up` until its first task is done."""
    yield from _commands(bench)
    yield from _first_task(bench)


@dataclass(frozen=True, slots=True)
class _Question:
    """A command of ours, what it should take at most, and what to compare it with."""

    what: str
    arguments: tuple[str, ...]
    peers: Mapping[str, tuple[str, ...]]
    goal: float | None = None


_BARE: Mapping[str, tuple[str, ...]] = {"python -c pass": (sys.executable, "-c", "pass")}
_HELPS: Mapping[str, tuple[str, ...]] = {f"{name} --help": (str(BIN / name), "--help") for name in ("celery", "kopf")}
_RUAMEL = {"ruamel.yaml alone": (sys.executable, "-c", _READ, str(SOFTWARE))}
_QUESTIONS = (
    _Question("aios --help", ("--help",), {**_BARE, **_HELPS}, goal=0.3),
    _Question("aios validate examples/02-software-team", ("validate", str(SOFTWARE)), _RUAMEL),
    _Question("aios plan examples/02-software-team", ("plan", str(SOFTWARE)), _RUAMEL),
)


def _commands(bench: Bench) -> Iterator[Outcome]:
    for question in _QUESTIONS:
        commands = {OURS: (str(AIOS), *question.arguments), **question.peers}
        contestants = {name: partial(_timed, bench, command) for name, command in commands.items()}
        try:
            figures = take_turns(bench.pick(9, 3), contestants)
        except ProcessFailedError as error:
            yield Failed(question.what, str(error))
            continue
        for number, name in enumerate(question.peers):
            yield Row(
                what=question.what,
                unit="s",
                ours=figures[OURS][SECONDS],
                peer=Peer(name, figures[name][SECONDS]),
                better=Better.LOWER,
                goal=question.goal if number == 0 else None,
            )


def _timed(bench: Bench, command: Sequence[str | Path]) -> Metrics:
    folder = bench.subfolder("command")
    usage = run(command, folder=folder, environment={"AIOS_STATE_DIR": str(folder / "state")})
    return {SECONDS: usage.seconds, MEGABYTES: usage.peak_megabytes}


def _first_task(bench: Bench) -> Iterator[Outcome]:
    """Beside a Celery worker that is started with one message waiting: from the command to that one done."""
    name = "celery worker (files)"
    contestants: dict[str, Callable[[], Metrics]] = {OURS: partial(_up, bench), name: partial(_celery, bench)}
    figures = take_turns(bench.pick(7, 2), contestants)
    rows: Mapping[str, tuple[str, float | None, str]] = {
        FIRST: ("aios up examples/01-hello --once: first task done", 2.0, "s"),
        SECONDS: ("aios up examples/01-hello --once: until it ended", None, "s"),
        MEGABYTES: ("aios up examples/01-hello --once: peak RSS", 150.0, "MB"),
    }
    for metric, (what, goal, unit) in rows.items():
        other = figures.get(name, {}).get(metric)
        yield Row(
            what=what,
            unit=unit,
            ours=figures[OURS][metric],
            peer=Peer(f"{name}, a no-op task", other) if other else None,
            better=Better.LOWER,
            goal=goal,
            note="new state folder" if metric == FIRST else "",
        )


def _up(bench: Bench) -> Metrics:
    folder = bench.subfolder("up")
    shutil.copytree(HELLO, folder / "hello")
    environment = {"AIOS_STATE_DIR": str(folder / "state")}
    with Measured([AIOS, "up", folder / "hello", "--once"], folder=folder, environment=environment) as process:
        first = process.until(lambda text: FIRST_DONE.search(text) is not None, "its first task was done")
        usage = process.wait()
        if usage.code != 0:
            raise ProcessFailedError(f"exit code {usage.code}: {process.last_words()}")
    return {FIRST: first.at, SECONDS: usage.seconds, MEGABYTES: usage.peak_megabytes}


def _celery(bench: Bench) -> Metrics:
    with celery_peer(Store.FILES, bench.subfolder("celery")) as peer:
        command = [sys.executable, "-m", "tests.benchmarks.celery_publisher", "1", "1"]
        run(command, folder=peer.folder, environment=peer.environment())
        with peer.worker("--pool", "solo", loglevel="INFO") as worker:
            first = worker.until(lambda text: "succeeded in" in text, "its first task was done")
            usage = worker.stop()
    if usage is None:
        raise ProcessFailedError("the Celery worker did not stop when it was told to")
    return {FIRST: first.at, MEGABYTES: usage.peak_megabytes}
