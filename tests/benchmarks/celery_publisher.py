"""A process that publishes no-op tasks by Celery: `python -m tests.benchmarks.celery_publisher COUNT THREADS`.

Prints one JSON line: how many a second once every thread had its connection. Only the messages that were timed stay.
"""

import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor

from tests.benchmarks.celery_app import app, noop


def publish(count: int, threads: int) -> float:
    """Publishes a second."""

    def one(number: int) -> None:
        noop.apply_async(kwargs={"run": "default/project/0", "task": f"task-{number}", "attempt": 1, "seq": number})

    def publisher(first: int) -> None:
        for number in range(first, count, threads):
            one(number)

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(one, range(threads)))
        app.control.purge()
        started = time.perf_counter()
        list(pool.map(publisher, range(threads)))
        return count / (time.perf_counter() - started)


if __name__ == "__main__":
    print(json.dumps({"per_second": publish(int(sys.argv[1]), int(sys.argv[2]))}), flush=True)
