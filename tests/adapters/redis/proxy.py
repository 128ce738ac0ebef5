"""A TCP proxy in the test's own process: where it leads, and whether anything still passes, changes while it runs."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Proxy:
    """New connections go to `target`, a port on loopback. `cut` lets nothing pass on those that there are, and does not
    close them: as a router that forgot them."""

    def __init__(self, target: int) -> None:
        self.target = target
        self.port = 0
        self._passing: list[asyncio.Event] = []
        self._writers: list[asyncio.StreamWriter] = []

    def cut(self) -> None:
        for passing in self._passing:
            passing.clear()

    async def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", self.target)
        passing = asyncio.Event()
        passing.set()
        self._passing.append(passing)
        self._writers += [writer, back]
        await asyncio.gather(_pass(reader, back, passing), _pass(there, writer, passing))

    def close(self) -> None:
        for writer in self._writers:
            writer.close()


async def _pass(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, passing: asyncio.Event) -> None:
    try:
        while data := await reader.read(65536):
            await passing.wait()
            writer.write(data)
            await writer.drain()
    except OSError:
        pass
    finally:
        writer.close()


@asynccontextmanager
async def proxy(target: int) -> AsyncIterator[Proxy]:
    made = Proxy(target)
    connections: set[asyncio.Task[None]] = set()

    def taken(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.add(asyncio.create_task(made.take(reader, writer)))

    server = await asyncio.start_server(taken, "127.0.0.1", 0)
    made.port = server.sockets[0].getsockname()[1]
    try:
        yield made
    finally:
        server.close()
        made.close()
        for connection in connections:
            connection.cancel()
        await asyncio.gather(*connections, return_exceptions=True)
