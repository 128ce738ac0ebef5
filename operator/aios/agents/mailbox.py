"""Messages between members of a run: a journal stream a mailbox, so a message is neither lost nor sent twice."""

from dataclasses import dataclass

from aios.errors import SequenceConflictError, ServiceUnavailableError
from aios.naming import mail_stream
from aios.ports.journal import Journal, Record
from aios.spec.base import Part
from aios.spec.vocabulary import Privacy

OUTAGES = 5
NEWEST = 20
"""How many messages a task is shown; older ones were for tasks that are done."""


class Letter(Part):
    """A message as its stream holds it."""

    sender: str
    task: str
    text: str
    privacy: Privacy


@dataclass(frozen=True, slots=True)
class Mailboxes:
    """The mailboxes of one run."""

    journal: Journal
    run: str

    async def send(self, member: str, letter: Letter, *, key: str) -> None:
        """Put `letter` into the mailbox of `member`, once per `key`, however often it is called.

        Raises ServiceUnavailableError when the journal stays away; the letter may or may not be in: call again.
        """
        stream = mail_stream(self.run, member)
        record = Record(data=letter.model_dump(mode="json", by_alias=True), id=key)
        outages = 0
        while True:
            there = await self.journal.read(stream)
            if any(stored.id == key for stored in there):
                return
            try:
                await self.journal.append(stream, there[-1].seq if there else 0, [record])
            except SequenceConflictError:
                continue  # another letter came first; the box is read again
            except ServiceUnavailableError:
                outages += 1
                if outages > OUTAGES:
                    raise

    async def read(self, member: str) -> tuple[Letter, ...]:
        """The newest letters, oldest first."""
        there = await self.journal.read(mail_stream(self.run, member))
        return tuple(Letter.model_validate(stored.data) for stored in there[-NEWEST:])
