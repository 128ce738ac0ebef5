"""The state folder `.aios/`: where everything a laptop remembers lies, and who may drive it.

Any number of processes may look and write through the ports; only one drives (`aios up`), held by a lock that dies
with it. A folder that a newer version made is refused before anything in it is touched.
"""

import contextlib
import json
import os
import tempfile
import uuid
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

from aios.embedded.file_lock import try_lock
from aios.errors import DiskFullError, EnvironmentProblemError, disk_of

FOLDER = ".aios"
VARIABLE = "AIOS_STATE_DIR"
SCHEMA = 1
"""Of the folder's layout; each database has a version of its own besides."""


class StateFolder:
    """One state folder. Making the object touches nothing."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()

    @classmethod
    def locate(cls, first: Path | None, *, cwd: Path, environment: Mapping[str, str]) -> "StateFolder":
        """The folder that `AIOS_STATE_DIR` names, else the nearest `.aios` at or above `first` (without it: `cwd`),
        else `.aios` beside `first` (without it: in `cwd`)."""
        stated = environment.get(VARIABLE)
        if stated:
            return cls(cwd / Path(stated).expanduser())
        start = (cwd / first).resolve() if first is not None else cwd.resolve()
        for folder in (start, *start.parents):
            if (folder / FOLDER).is_dir():
                return cls(folder / FOLDER)
        return cls((start.parent if first is not None else start) / FOLDER)

    @property
    def exists(self) -> bool:
        """Whether it was ever opened."""
        return (self.path / "version.json").is_file()

    @property
    def journal(self) -> Path:
        return self.path / "journal.db"

    @property
    def scratch(self) -> Path:
        """Where workers keep their working copies."""
        return self.path / "scratch"

    @property
    def broker(self) -> Path:
        return self.path / "broker.db"

    @property
    def sessions(self) -> Path:
        return self.path / "sessions.db"

    @property
    def leases(self) -> Path:
        return self.path / "leases.db"

    @property
    def counters(self) -> Path:
        return self.path / "counters.db"

    @property
    def resources(self) -> Path:
        return self.path / "resources.db"

    @property
    def buckets(self) -> Path:
        """One folder a bucket."""
        return self.path / "objects"

    @property
    def knowledge(self) -> Path:
        return self.path / "knowledge"

    def open(self) -> None:
        """Make it if it is not there. Raises EnvironmentProblemError when a newer version made it or it cannot be
        written."""
        try:
            with _room(self.path):
                self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            if not self.exists:
                _write(self.path / ".gitignore", "*\n")
                _write(self.path / "version.json", json.dumps({"schema": SCHEMA}))
        except OSError as error:
            raise EnvironmentProblemError(
                f"cannot use the state folder {self.path}: {error}; set {VARIABLE} to a folder you may write"
            ) from error
        self.check_version()

    def identity(self, *, make: bool = True) -> str:
        """What tells this folder from every other one, whatever host or path it moves to; made at the first question,
        which only the holder of the lock may ask. Without `make` "" before that."""
        card = self.path / "identity.json"
        try:
            return str(json.loads(card.read_text(encoding="utf-8"))["id"])
        except FileNotFoundError:
            if not make:
                return ""
            made = uuid.uuid4().hex
        except (ValueError, KeyError, TypeError) as error:
            raise EnvironmentProblemError(f"{card} is damaged ({error}): restore it, or remove it") from error
        _write(card, json.dumps({"id": made}))
        return made

    def check_version(self) -> None:
        """Before anything in an existing folder is read. Raises EnvironmentProblemError when a newer version made it
        or nobody can tell."""
        card = self.path / "version.json"
        try:
            found = int(json.loads(card.read_text(encoding="utf-8"))["schema"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise EnvironmentProblemError(
                f"cannot tell which version made the state folder {self.path}: {card.name} is damaged ({error}); "
                f"set {VARIABLE} to another folder"
            ) from error
        if found > SCHEMA:
            raise EnvironmentProblemError(
                f"the state folder {self.path} was made by a newer aios (schema {found}, this one knows {SCHEMA}): "
                f"upgrade aios, or set {VARIABLE} to another folder"
            )

    @contextlib.contextmanager
    def drive(self) -> Iterator[None]:
        """Open it and be its only driver. Raises EnvironmentProblemError naming the one who is."""
        self.open()
        lock, card = self.path / "up.lock", self.path / "up.json"
        with _room(self.path):
            descriptor = try_lock(lock)
        if descriptor is None:
            raise EnvironmentProblemError(
                f"the state folder {self.path} is in use by {_who(card)}: stop that one first (Ctrl-C there, or "
                f"`aios down`), or set {VARIABLE} to another folder"
            )
        try:
            _write(card, json.dumps({"pid": os.getpid(), "since": datetime.now(UTC).isoformat(timespec="seconds")}))
            yield
            card.unlink(missing_ok=True)
        finally:
            os.close(descriptor)

    def driver(self) -> int | None:
        """The process id of the one who drives it now, None when nobody does."""
        descriptor = try_lock(self.path / "up.lock") if self.exists else None
        if descriptor is not None or not self.exists:
            if descriptor is not None:
                os.close(descriptor)
            return None
        try:
            return int(json.loads((self.path / "up.json").read_text(encoding="utf-8"))["pid"])
        except (OSError, ValueError, KeyError, TypeError):
            return None


def _who(card: Path) -> str:
    try:
        found = json.loads(card.read_text(encoding="utf-8"))
        return f"process {found['pid']}, since {found['since']}"
    except (OSError, ValueError, KeyError, TypeError):
        return "another process, which has just started"


def _write(path: Path, text: str) -> None:
    """Replace it at once: a reader or a crash never sees half of it."""
    with _room(path), tempfile.NamedTemporaryFile("w", dir=path.parent, delete=False, encoding="utf-8") as file:
        try:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        except OSError:
            Path(file.name).unlink()
            raise
    Path(file.name).replace(path)


@contextlib.contextmanager
def _room(path: Path) -> Iterator[None]:
    """Nothing runs yet that could wait for room. Raises EnvironmentProblemError when there is none."""
    try:
        with disk_of(path):
            yield
    except DiskFullError as error:
        raise EnvironmentProblemError(str(error)) from error
