"""Run benchmarks by name, all without names; print a line as soon as it is known and a table at the end."""

import argparse
import importlib
import json
import logging
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Protocol, cast

from tests.benchmarks import report
from tests.benchmarks.figures import Bench, Failed, Outcome, Skipped, UnavailableError

BENCHMARKS: Mapping[str, str] = {
    "startup": "from the command to the first thing done",
    "journal": "one durable append of 1 KB",
    "broker": "doorbells of no-op tasks, beside Celery",
    "throughput": "projects of trivial tasks, beside Celery canvases",
    "rabbitmq_publish": "confirmed publishes to RabbitMQ, beside raw aio-pika, Celery, Dramatiq, Taskiq",
    "rabbitmq_consume": "worker CPU of a message from RabbitMQ, beside raw aio-pika and worker frameworks",
    "object_store": "puts, conditional writes and many files on MinIO, beside its client and aws s3 sync",
    "knowledge": "recall@10 and latency of what agents remember, beside the raw Qdrant client",
    "durable_step": "one durable step of an agent, beside LangGraph checkpointers",
    "services_tasks": "whole tasks over RabbitMQ, MinIO and Redis by 1 to 8 workers, beside Celery",
    "poison": "healthy tasks beside one that kills every worker, on the laptop and over RabbitMQ, MinIO and Redis",
    "reconcile": "teams on a real API server, beside a bare Kopf operator",
    "fuzz": "the properties of the pure parts, on many cases",
}
"""Name (and module) to what it measures, in the order in which they run."""


class Benchmark(Protocol):
    """What a benchmark's module offers."""

    def measure(self, bench: Bench) -> Iterator[Outcome]: ...


def main(arguments: Sequence[str] | None = None) -> int:
    """0; 1 when something failed (never because it was slow); 2 for a wrong command line."""
    options = _parse(arguments)
    # With -o json stdout holds nothing but the JSON.
    out = sys.stderr if options.output == "json" else sys.stdout

    def say(text: str) -> None:
        print(text, file=out, flush=True)

    logging.getLogger("aios").addHandler(logging.NullHandler())
    before = report.machine()
    say("  ".join(f"{key} {value}" for key, value in before.items()))
    say(report.header())
    results = [_run(name, quick=options.quick, say=say) for name in options.names or BENCHMARKS]
    say("")
    for line in report.summary(results):
        say(line)
    if options.output == "json":
        print(json.dumps(report.to_json(results, quick=options.quick, before=before), indent=2))
    return 1 if any(isinstance(outcome, Failed) for result in results for outcome in result.outcomes) else 0


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    listing = "\n".join(f"  {name:<16} {about}" for name, about in BENCHMARKS.items())
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks",
        description=f"Measure; without a name everything:\n{listing}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="which benchmarks to run")
    parser.add_argument("--quick", action="store_true", help="less work and fewer rounds: five minutes, coarse figures")
    parser.add_argument("-o", dest="output", choices=["text", "json"], default="text", help="json: data on stdout")
    options = parser.parse_args(arguments)
    if unknown := [name for name in options.names if name not in BENCHMARKS]:
        parser.error(f"no benchmark named {', '.join(unknown)}; there are {', '.join(BENCHMARKS)}")
    return options


def _run(name: str, *, quick: bool, say: Callable[[str], None]) -> report.Result:
    started = time.monotonic()
    outcomes: list[Outcome] = []
    say(f"-- {name}: {BENCHMARKS[name]}")
    with tempfile.TemporaryDirectory(prefix=f"aios-bench-{name}-") as folder:
        for outcome in _outcomes(name, Bench(quick=quick, folder=Path(folder), say=say)):
            outcomes.append(outcome)
            say(report.line(outcome))
            if isinstance(outcome, Failed):
                say(outcome.why)
    return report.Result(name, BENCHMARKS[name], tuple(outcomes), time.monotonic() - started)


def _outcomes(name: str, bench: Bench) -> Iterator[Outcome]:
    """One benchmark that breaks must not take the others' figures with it."""
    try:
        module = cast("Benchmark", importlib.import_module(f"tests.benchmarks.{name}"))
        yield from module.measure(bench)
    except UnavailableError as error:
        yield Skipped(name, str(error))
    except Exception as error:  # noqa: BLE001  # shown with its trace, counted as a failure, and the next one runs
        bench.say(traceback.format_exc())
        yield Failed(name, f"{type(error).__name__}: {error}")


if __name__ == "__main__":
    sys.exit(main())
