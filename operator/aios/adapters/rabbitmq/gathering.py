"""What is to be written to a connection, gathered: what waits at the same moment leaves with one system call.

aiormq writes each frame by itself, and for a kilobyte the call costs more than all the rest of a publish.
"""

import asyncio
from collections import deque

from aiormq.abc import ChannelFrame

LARGEST = 64 * 1024
"""Bytes that are gathered before they leave, or a little more."""


class Gathering(asyncio.Queue[ChannelFrame]):
    """aiormq's queue of frames, without a bound of its own: publishers bound what is under way, and a full queue
    would hold up acknowledgements."""

    _queue: deque[ChannelFrame]

    def __init__(self) -> None:
        super().__init__(maxsize=0)

    def _get(self) -> ChannelFrame:
        """Frames that ask for more than to be written are given by themselves, in their turn."""
        first = self._queue.popleft()
        if not (_is_plain(first) and self._queue):
            return first
        payloads, size = [first.payload], len(first.payload)
        while size < LARGEST and self._queue and _is_plain(self._queue[0]):
            payload = self._queue.popleft().payload
            payloads.append(payload)
            size += len(payload)
            self.task_done()  # whoever got `first` does so for one frame alone
        return ChannelFrame(payload=b"".join(payloads), should_close=False)


def _is_plain(frame: ChannelFrame) -> bool:
    return not frame.should_close and frame.drain_future is None
