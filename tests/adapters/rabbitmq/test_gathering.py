"""Frames leave together, each byte once, in their order, and none before one that stands before it."""

import asyncio

from aiormq.abc import ChannelFrame

from aios.adapters.rabbitmq.gathering import LARGEST, Gathering


def frame(payload: bytes, *, drains: bool = False, closes: bool = False) -> ChannelFrame:
    drained = asyncio.get_running_loop().create_future() if drains else None
    return ChannelFrame(payload=payload, should_close=closes, drain_future=drained)


async def gathered(*frames: ChannelFrame) -> list[bytes]:
    """What is written, call by call."""
    queue, written = Gathering(), list[bytes]()
    for one in frames:
        queue.put_nowait(one)
    while not queue.empty():
        written.append((await queue.get()).payload)
        queue.task_done()
    await asyncio.wait_for(queue.join(), 1)
    return written


async def test_what_waits_at_the_same_moment_leaves_with_one_call() -> None:
    assert await gathered(frame(b"a"), frame(b"b"), frame(b"c")) == [b"abc"]
    assert await gathered(frame(b"a")) == [b"a"]


async def test_a_frame_that_is_waited_for_or_is_the_last_leaves_by_itself_in_its_turn() -> None:
    assert await gathered(frame(b"a"), frame(b"b"), frame(b"c", drains=True), frame(b"d"), frame(b"e")) == [
        *(b"ab", b"c", b"de")
    ]
    assert await gathered(frame(b"a"), frame(b"b", closes=True)) == [b"a", b"b"]


async def test_no_call_is_of_everything_however_much_waits() -> None:
    written = await gathered(*(frame(bytes([number]) * 1_000) for number in range(200)))
    assert b"".join(written) == b"".join(bytes([number]) * 1_000 for number in range(200))
    assert 3 < len(written) < 6
    assert max(map(len, written)) < LARGEST + 1_000


async def test_who_waits_for_a_frame_is_given_it_at_once() -> None:
    queue = Gathering()
    waiting = asyncio.create_task(queue.get())
    await asyncio.sleep(0)
    await queue.put(frame(b"a"))
    assert (await asyncio.wait_for(waiting, 1)).payload == b"a"
