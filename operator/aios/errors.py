"""The errors a person or a caller can act on. Each class knows whether trying again may help.

Messages say what was wrong, where (file:line:column or kind/namespace/name) and what to do next. What is not in
this tree is a defect of ours and travels as it is.
"""

import errno
import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class AiosError(Exception):
    """Base of all our errors. `retryable`: the same call may succeed later without anyone changing anything."""

    retryable = False


class InvalidSpecError(AiosError):
    """The user's YAML or arguments are wrong; one message holds every finding."""


class NotFoundError(AiosError):
    """A named thing does not exist."""


class NoBucketError(NotFoundError):
    """Nothing is found there because there is no such bucket: what is missing in it says nothing."""


class EnvironmentProblemError(AiosError):
    """Something around us is missing or in the way: a service, a lock held by another process, an extra."""


class HeldElsewhereError(EnvironmentProblemError):
    """Another installation on the same services means something else by the same name."""


def install_line(extra: str) -> str:
    """The command that adds an optional part to the Python that runs us; another's pip would not find the package."""
    return f"{shlex.quote(sys.executable)} -m pip install 'aios-operator[{extra}]'"


class MissingExtraError(EnvironmentProblemError):
    """An optional part is not installed; the message names the install line."""

    def __init__(self, extra: str, what: str) -> None:
        super().__init__(f"{what} needs an optional part: {install_line(extra)}")


class ServiceUnavailableError(AiosError):
    """A port's service did not answer; waiting may help."""

    retryable = True


class CredentialsRefusedError(ServiceUnavailableError):
    """A service answered that it does not let us in; waiting helps only when somebody corrects that there."""


class TlsRefusedError(ServiceUnavailableError):
    """One side does not trust the other's certificate, or speaks no TLS; waiting helps only when somebody corrects
    that."""


class BeingRemovedError(ServiceUnavailableError):
    """Another installation on the same services removes what it had by a name; then the name is free."""


class DiskFullError(ServiceUnavailableError):
    """A disk of this machine, or our share of it, is full; what waits goes on once somebody has made room there."""

    def __init__(self, path: str | Path, reason: str) -> None:
        super().__init__(f"{path}: {reason}; free some space on its disk")
        self.path = Path(path)


@contextmanager
def disk_of(path: Path) -> Iterator[None]:
    """Wrap what writes at or below `path`. Raises DiskFullError when there is no room; other errors pass."""
    try:
        yield
    except OSError as error:
        if error.errno not in _FULL:
            raise
        raise DiskFullError(error.filename or path, error.strerror or str(error)) from error


class SequenceConflictError(AiosError):
    """An append came too late: the stream has moved on and the new records are somebody else's."""

    def __init__(self, stream: str, expected: int, actual: int) -> None:
        super().__init__(f"{stream}: expected to be at {expected}, is at {actual}")
        self.stream, self.expected, self.actual = stream, expected, actual


class CompactedError(AiosError):
    """Records that were asked for are gone, a snapshot stands for them: read the snapshot, go on after its `seq`."""

    retryable = True

    def __init__(self, stream: str, after: int, snapshot: int) -> None:
        super().__init__(f"{stream}: records after {after} are asked for, those up to {snapshot} are in its snapshot")
        self.stream, self.after, self.snapshot = stream, after, snapshot


class FencedError(AiosError):
    """Another claimant owns the attempt or run now: stop at once, write nothing, call nothing."""


class UnroutableError(AiosError):
    """A message was not confirmed because no queue takes it."""

    retryable = True


class PreconditionError(AiosError):
    """A conditional write met another state than it named."""


class ConflictError(AiosError):
    """Two tasks changed the same files. `paths` names them, sorted."""

    retryable = True

    def __init__(self, paths: tuple[str, ...]) -> None:
        super().__init__(f"changed by another task meanwhile: {', '.join(paths)}")
        self.paths = paths


class DivergedError(AiosError):
    """A resumed attempt asked another question than the one whose answer is recorded: it ends, and another begins."""


class PrivacyError(AiosError):
    """Data of a stricter label than the model's or member's clearance was about to leave."""


class ModelCallError(AiosError):
    """The provider answered with an error, or not at all.

    `transient`: the same request may succeed later. `retry_after`: seconds the provider asked to wait, None when it
    did not. `maybe_charged`: the request was taken and its answer did not arrive whole, so it counts at its worst case.
    `works`: the provider is well, and its circuit need not open over what was asked of it, or how often.
    """

    def __init__(
        self,
        message: str,
        *,
        transient: bool,
        retry_after: float | None = None,
        maybe_charged: bool = False,
        works: bool = False,
    ) -> None:
        super().__init__(message)
        self.transient, self.retry_after, self.maybe_charged = transient, retry_after, maybe_charged
        self.works = works


class InDoubtError(AiosError):
    """A call was started and its answer never recorded; it may have been charged."""
