"""What is wrong in the user's files, and how it is printed: one line each, places first, then a count."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """One thing to repair.

    `line` and `column` count from 1; 0 means that the file as a whole is meant. `subject` is Kind/name, empty when it
    could not be read. `path` is "spec.members[0].tier", empty when no field is meant.
    """

    file: str
    line: int
    column: int
    subject: str
    path: str
    message: str

    @property
    def place(self) -> str:
        """file:line:column, as editors and terminals link it."""
        return f"{self.file}:{self.line}:{self.column}" if self.line else self.file

    @property
    def sentence(self) -> str:
        return f"{self.path}: {self.message}" if self.path else self.message


def format_findings(findings: Sequence[Finding]) -> str:
    """One aligned line a finding and the closing count; no trailing newline."""
    place_width = max((len(finding.place) for finding in findings), default=0)
    subject_width = max((len(finding.subject) for finding in findings), default=0)
    lines = [
        f"{finding.place:<{place_width}} {_subject(finding, subject_width)}{finding.sentence}" for finding in findings
    ]
    lines = [_printable(line) for line in lines]
    return "\n".join([*lines, f"{count(findings)}. Nothing was applied."])


def count(findings: Sequence[Finding]) -> str:
    """ "3 errors in 1 file"."""
    files = len({finding.file for finding in findings})
    return f"{_many(len(findings), 'error')} in {_many(files, 'file')}"


def _subject(finding: Finding, width: int) -> str:
    return f"{finding.subject:<{width}}  " if finding.subject else ""


def _printable(line: str) -> str:
    """What a file smuggles in, such as a line end or a terminal's escape, is shown and not obeyed."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in line)


def _many(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
