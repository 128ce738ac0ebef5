"""What the client's library would write past our logs stays unwritten."""

import os
import warnings
from pathlib import Path

from aios.adapters.qdrant.connection import QdrantServer
from tests.servers.qdrant import KEY, VARIABLE


async def test_a_key_without_tls_writes_nothing_to_stderr(qdrant_server: Path) -> None:
    del qdrant_server
    server = QdrantServer(os.environ[VARIABLE])
    assert KEY in os.environ[VARIABLE]
    with warnings.catch_warnings(record=True) as written:
        warnings.simplefilter("always")
        async with server.asked() as client:
            await client.get_collections()
    await server.close()
    assert written == []
