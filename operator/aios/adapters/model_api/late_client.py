"""A vendor's client that is made with its first use: importing the library may take a second, in which other work of
the event loop goes on."""

import asyncio
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar


class Closing(Protocol):
    """What can be closed."""

    async def close(self) -> None: ...


C = TypeVar("C", bound=Closing)


class LateClient(Generic[C]):
    """One client, for one event loop."""

    def __init__(self, open_client: Callable[[], C]) -> None:
        self._open, self._turn = open_client, asyncio.Lock()
        self._client: C | None = None

    async def get(self) -> C:
        """The client, made now if there is none yet."""
        async with self._turn:
            if self._client is None:
                self._client = await asyncio.to_thread(self._open)
            return self._client

    async def close(self) -> None:
        """End its connections."""
        client, self._client = self._client, None
        if client is not None:
            await client.close()
