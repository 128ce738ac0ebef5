"""What a worker process tells of itself: CPU and seconds from its first message to its last, as one JSON line.

Start-up does not count: imports and connecting differ tenfold, and a worker does them once.
"""

import json
import sys
import time


class Tally:
    """Counts messages; says its line at the last of them."""

    def __init__(self, total: int) -> None:
        self._total, self._count = total, 0
        self._cpu = self._started = 0.0

    def one(self) -> bool:
        """One message more; whether it was the last that is expected."""
        self._count += 1
        if self._count == 1:
            self._cpu, self._started = time.process_time(), time.perf_counter()
        if self._count == self._total:
            self._tell()
        return self._count >= self._total

    def _tell(self) -> None:
        cpu, seconds = time.process_time() - self._cpu, time.perf_counter() - self._started
        counted = self._total - 1
        line = {"cpu_us": cpu / counted * 1e6, "per_second": counted / seconds}
        # A Celery worker puts a logger in the place of stdout.
        print(json.dumps(line), file=sys.__stdout__, flush=True)
