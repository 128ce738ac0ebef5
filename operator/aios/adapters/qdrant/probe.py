"""What `aios doctor` asks a Qdrant server."""

import statistics
import time

from aios.adapters.qdrant.connection import QdrantServer
from aios.ports.probe import Probe


async def probe(url: str) -> Probe:
    """Raises ServiceUnavailableError when it does not answer or refuses the key."""
    server = QdrantServer(url)
    taken = []
    try:
        async with server.asked() as client:
            for _ in range(3):
                started = time.perf_counter()
                found = await client.get_collections()
                taken.append((time.perf_counter() - started) * 1000)
            info = await client.info()
    finally:
        await server.close()
    collections = ", ".join(sorted(one.name for one in found.collections)) or "none yet"
    details = (*server.trust.told(), f"collections: {collections}")
    return Probe("Qdrant", info.version, statistics.median(taken), details)
