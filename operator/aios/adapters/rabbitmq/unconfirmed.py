"""Bells that the server did not confirm in time.

Their bytes cannot be taken back: they lie in the connection's buffer, or at a server that is slow, and are delivered
once it can. So the same bell is not written again and again meanwhile: who rings it waits for the answer to the first.

aiormq forgets a publish when its caller gives up. So the future that it will answer is exchanged for one of ours at the
moment the time is up: until then a publish costs a timer, where a task for each one costs a quarter of the speed.
"""

import asyncio
from dataclasses import dataclass

from aiormq.channel import Channel, Returning

Bell = tuple[str, str]
"""A queue, and the id of a message to it."""


@dataclass(frozen=True, slots=True, eq=False)
class _Late:
    """A publish whose answer is still to come."""

    channel: Channel
    tag: int
    answer: "asyncio.Future[object]"

    @property
    def under_way(self) -> bool:
        """False as well when it turned out that its bytes were never written, which nobody will answer."""
        return not self.answer.done() and self.channel.confirmations.get(self.tag) is self.answer


class Unconfirmed:
    """What one event loop's publisher waits for no longer."""

    def __init__(self) -> None:
        self._late: dict[Bell, _Late] = {}

    def __contains__(self, bell: Bell) -> bool:
        """Whether it is under way on a channel that is open."""
        late = self._late.get(bell)
        return late is not None and late.under_way

    async def answered(self, bell: Bell, within: float) -> None:
        """Return when a bell that is under way is confirmed. Raises TimeoutError, or what aiormq raises for a publish
        that is refused, returned or lost; whoever is cancelled here takes the answer from nobody."""
        answer = self._late[bell].answer
        await asyncio.wait({answer}, timeout=within)
        if not answer.done():
            raise TimeoutError
        answer.result()

    def keep(self, bell: Bell, channel: Channel, wire_id: str) -> None:
        """Call it when the time of `channel.basic_publish` is up: that raises TimeoutError, and what was written stays
        under way. Does nothing when nothing was written yet or the answer has come."""
        tag = channel.message_id_delivery_tag.get(wire_id)
        given = None if tag is None else channel.confirmations.get(tag)
        if tag is None or given is None or given.done() or isinstance(given, Returning):
            return
        answer = channel.confirmations[tag] = channel.create_future()
        late = self._late[bell] = _Late(channel, tag, answer)

        def remember(_: object) -> None:
            # By this id a message comes back that no queue takes, and aiormq has just forgotten it.
            channel.message_id_delivery_tag[wire_id] = tag

        def settle(_: object) -> None:
            channel.message_id_delivery_tag.pop(wire_id, None)
            if self._late.get(bell) is late:
                del self._late[bell]

        given.add_done_callback(remember)
        answer.add_done_callback(settle)
        given.set_exception(TimeoutError())
