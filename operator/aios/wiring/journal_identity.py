"""Which journal a process reads, so that two of them can see whether they read the same one.

Their URLs do not tell: one server has many names. So the journal itself says who it is, in a record that whoever
drives projects makes in the beginning.
"""

import uuid

from aios.errors import NotFoundError, SequenceConflictError
from aios.naming import JOURNAL_IDENTITY
from aios.ports.journal import Journal, Record


async def read_identity(journal: Journal) -> str:
    """Empty when nothing has made one yet."""
    try:
        found = await journal.read(JOURNAL_IDENTITY, 0, 1)
    except NotFoundError:  # not even its bucket is there
        return ""
    return str(found[0].data["journal"]) if found else ""


async def made_identity(journal: Journal) -> str:
    """As `read_identity`, made where there is none. Of two who make it at once both return the same."""
    while not (found := await read_identity(journal)):
        try:
            await journal.append(JOURNAL_IDENTITY, 0, [Record({"journal": uuid.uuid4().hex})])
        except SequenceConflictError:
            continue
    return found
