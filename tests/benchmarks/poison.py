"""How much a task that kills every worker that works on it slows the healthy tasks beside it.

The same batch with and without it, in turns, by the same number of workers and a model that takes two seconds, once all
of them are at work. Each of the five tries costs one worker the time to get to the deadly point and to be started again
(seconds of imports on a busy machine) and nothing else: between two tries, while a lease runs out, it does other work.
So the slowdown is five such costs, which a row of its own shows, shared out among all that the workers do: a short
batch, few workers or a quick model show more of it. It is asserted nowhere; the counts of tries and of healthy tasks
are.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from itertools import count

from tests.benchmarks.figures import (
    Bench,
    Better,
    Failed,
    Figure,
    Metrics,
    Outcome,
    Peer,
    Row,
    Skipped,
    UnavailableError,
    take_turns,
)
from tests.benchmarks.object_server import minio_server
from tests.benchmarks.rabbitmq_node import rabbitmq_node
from tests.faults.poison import Batch, Course, over_services, over_twins
from tests.faults.real_services import RealServices
from tests.servers.availability import ServerUnavailableError
from tests.servers.redis import RedisProcess

WORKERS = 8
MOST_PERCENT, MOST_TRIES = 5.0, 5
SECONDS, CLAIMS, WITHIN = "seconds", "claims", "claims within"
Run = Callable[[Batch], Course]


def measure(bench: Bench) -> Iterator[Outcome]:
    """Seconds with and without, and the difference in percent."""
    batch = Batch(bench.pick(240, 80), WORKERS, seconds=600.0, delay="2s")
    yield from _beside(bench, "laptop", batch, lambda one: over_twins(one, bench.subfolder("laptop")))
    with ExitStack() as stack:
        try:
            services = _services(bench, stack)
        except (ServerUnavailableError, UnavailableError) as error:
            yield Skipped("beside poison, services", str(error))
            return
        numbers = count(1)

        def run(one: Batch) -> Course:
            number = next(numbers)
            return over_services(one, bench.subfolder("services"), services.apart(f"poison-{number}", number))

        yield from _beside(bench, "services", batch, run)


def _beside(bench: Bench, where: str, batch: Batch, run: Run) -> Iterator[Outcome]:
    contestants = {
        "alone": partial(_metrics, batch, run),
        "beside": partial(_metrics, replace(batch, poisoned=True), run),
    }
    figures = take_turns(bench.pick(3, 1), contestants)
    alone, beside = figures["alone"][SECONDS], figures["beside"][SECONDS]
    tries = max(figures["beside"][CLAIMS].samples)
    if tries > MOST_TRIES:
        yield Failed(f"poison, {where}", f"it was tried {tries:.0f} times")
    what = f"{batch.tasks} tasks, {batch.workers} workers, {where}"
    yield Row(what=what, unit="s", ours=beside, peer=Peer("without poison", alone), better=Better.LOWER)
    pairs = list(zip(beside.samples, alone.samples, strict=True))
    within = figures["beside"][WITHIN].samples
    yield Row(
        what=f"a worker's time that one try takes, {where}",
        unit="s",
        ours=Figure(
            tuple((slow - quick) * batch.workers / max(1, n) for (slow, quick), n in zip(pairs, within, strict=True))
        ),
        better=Better.LOWER,
    )
    yield Row(
        what=f"slower beside poison, {where}",
        unit="%",
        ours=Figure(tuple(100 * (slow / quick - 1) for slow, quick in pairs)),
        better=Better.LOWER,
        goal=MOST_PERCENT,
        note=f"given up after {tries:.0f} tries, {min(within):.0f} of them meanwhile",
    )


def _metrics(batch: Batch, run: Run) -> Metrics:
    """Raises AssertionError unless every healthy task succeeded."""
    course = run(batch)
    if course.succeeded != batch.tasks:
        raise AssertionError(f"{batch.tasks} healthy tasks, {course.succeeded} succeeded")
    return {SECONDS: course.seconds, CLAIMS: course.claims, WITHIN: course.claims_meanwhile}


def _services(bench: Bench, stack: ExitStack) -> RealServices:
    node = stack.enter_context(rabbitmq_node(bench.subfolder("rabbitmq")))
    objects = stack.enter_context(minio_server(bench.subfolder("minio")))
    redis = RedisProcess(bench.subfolder("redis"))
    stack.callback(redis.process.stop)
    return RealServices(node.url, node.admin_url, objects, redis.url)
