"""A process that takes and acknowledges what is in an embedded queue, as a worker with no work would.

`python -m tests.benchmarks.embedded_consumer FILE QUEUE SLOTS`: says `ready`, consumes until the queue has been empty
for a while, then prints one JSON line: how many, from when to when by the machine's monotonic clock, CPU seconds.
"""

import asyncio
import json
import sys
import time
from pathlib import Path

from aios.embedded.broker import SqliteBroker

IDLE_SECONDS = 1.0


async def consume(path: Path, queue: str, slots: int) -> dict[str, float]:
    """Consume with `slots` waiting receives until IDLE_SECONDS without a message."""
    broker = SqliteBroker(path)
    await broker.queues()
    print("ready", flush=True)
    count, ended, cpu = 0, 0.0, 0.0
    started, cpu_before = time.monotonic(), time.process_time()
    async with broker.consume(queue) as consumer:

        async def slot() -> None:
            nonlocal count, ended, cpu
            while (delivery := await consumer.receive(IDLE_SECONDS)) is not None:
                await delivery.ack()
                count, ended, cpu = count + 1, time.monotonic(), time.process_time() - cpu_before

        await asyncio.gather(*(slot() for _ in range(slots)))
    await broker.close()
    return {"count": count, "started": started, "ended": ended, "cpu": cpu}


if __name__ == "__main__":
    print(json.dumps(asyncio.run(consume(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])))), flush=True)
