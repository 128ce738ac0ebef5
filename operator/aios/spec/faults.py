"""A fault is a finding before anybody knows which file and which resource it is in."""

from dataclasses import dataclass

from aios.spec.positions import Path, Place, format_path


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong at `path`, and where that stands in the document."""

    path: Path
    message: str
    place: Place

    @property
    def line(self) -> int:
        return self.place.line

    def __str__(self) -> str:
        return f"{format_path(self.path)}: {self.message}" if self.path else self.message
