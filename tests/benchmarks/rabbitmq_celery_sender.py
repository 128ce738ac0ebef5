"""A process that sends Celery tasks and waits for their results: `python -m tests.benchmarks.rabbitmq_celery_sender
COUNT PID`.

Prints one JSON line: how many were done, in how many seconds, and the CPU seconds of this process and the worker PID.
"""

import json
import sys
import time

from tests.benchmarks.processes import tree_cpu_seconds
from tests.benchmarks.rabbitmq_celery import echo

SECONDS = 60.0


def measure(count: int, worker: int) -> dict[str, float]:
    """A first task that is not counted waits for the worker to be up."""
    echo.delay("").get(timeout=SECONDS)
    own, cpu, started = time.process_time(), tree_cpu_seconds(worker), time.monotonic()
    sent = [echo.delay(str(number)) for number in range(count)]
    done = sum(1 for number, result in enumerate(sent) if result.get(timeout=SECONDS) == str(number))
    seconds = time.monotonic() - started
    return {"done": done, "seconds": seconds, "cpu": tree_cpu_seconds(worker) - cpu + time.process_time() - own}


if __name__ == "__main__":
    print(json.dumps(measure(int(sys.argv[1]), int(sys.argv[2]))), flush=True)
