"""What one poisoned task costs the healthy ones beside it: printed, never judged; how often it is tried is judged.

`python -m tests.benchmarks poison` measures the same with more rounds and says what the figure is made of.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path

from tests.faults.battery.servers import made, servers
from tests.faults.battery.verdict import MOST_TRIES
from tests.faults.poison import Batch, Course, over_services, over_twins
from tests.faults.real_services import RealServices

BATCH = Batch(tasks=240, workers=8, seconds=900.0, delay="2s")


def slowdowns(folder: Path, *, broker: bool) -> Iterator[str]:
    """A line for the laptop, and with `broker` one for real services. Raises AssertionError when a healthy task did
    not succeed or the poison was tried more than five times."""
    yield f"poison on the laptop: {_line(lambda one, name: over_twins(one, made(folder / f'laptop-{name}')))}"
    if broker:
        with servers(made(folder / "servers"), broker=True) as running:
            if running.broker is None:
                raise RuntimeError("servers without the broker that was asked for")
            urls = RealServices(running.broker.url, running.broker.admin_url, running.minio.url, running.redis.url)
            numbers = count(1)

            def over(one: Batch, name: str) -> Course:
                return over_services(one, made(folder / f"services-{name}"), urls.apart(name, next(numbers)))

            yield f"poison over services: {_line(over)}"


def _line(run: Callable[[Batch, str], Course]) -> str:
    alone, beside = run(BATCH, "alone"), run(replace(BATCH, poisoned=True), "beside")
    for course in (alone, beside):
        if course.succeeded != BATCH.tasks or course.claims > MOST_TRIES:
            raise AssertionError(f"{BATCH.tasks} healthy tasks, and {MOST_TRIES} tries at the poison at most: {course}")
    return (
        f"{BATCH.tasks} tasks by {BATCH.workers} workers in {alone.seconds:.1f} s alone, {beside.seconds:.1f} s beside "
        f"it ({beside.seconds / alone.seconds - 1:+.1%}); given up after {beside.claims} tries, "
        f"{beside.claims_meanwhile} of them meanwhile"
    )
