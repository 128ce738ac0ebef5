"""The state folder `.aios/`: where everything a laptop remembers lies, and who may drive it.

Any number of processes may look and write through the ports; only one drives (`aios up`), held by a lock that dies
with it, and workers that are processes of their own hold another together, so that nobody clears away what they use.
A folder that a newer version made, or that is somebody else's, is refused before anything in it is touched.
"""

import contextlib
import json
import os
import uuid
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

from aios.embedded.cards import is_unfinished, room, write_card
from aios.embedded.file_lock import is_locked, try_lock, wait_for_lock
from aios.errors import EnvironmentProblemError

FOLDER = ".aios"
VARIABLE = "AIOS_STATE_DIR"
SCHEMA = 1
"""Of the folder's layout; each database has a version of its own besides."""
IGNORED = "*"
"""What git is told to ignore of it: everything."""
SECRETS = "secrets"
_BEFOREHAND = frozenset({SECRETS, "logs"})
"""What may be there before it is a state folder: keys that somebody put there, and the log of who will open it."""
_HARMLESS = frozenset({".DS_Store", ".localized", "Thumbs.db", "desktop.ini", "lost+found", ".snapshot"})
"""What systems put into any folder by themselves."""
_NAMED = 5
"""Names of others' files that a message lists."""
SHARE_SECONDS = 15.0


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

    @property
    def services(self) -> Path:
        """Which services hold its truth, where any do."""
        return self.path / "services.json"

    def open(self) -> None:
        """Make it if it is not there. Raises EnvironmentProblemError when a newer version made it, it cannot be
        written, or it is a folder of somebody else's."""
        self.refuse_others()
        with self._usable(), room(self.path):
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            if not self.exists:
                if not os.path.lexists(self.path / ".gitignore"):
                    write_card(self.path / ".gitignore", f"{IGNORED}\n")
                write_card(self.path / "version.json", json.dumps({"schema": SCHEMA}))
        self.check_version()

    def refuse_others(self) -> None:
        """A folder that holds files and no version of ours is not taken for a state folder: whoever says `-C .` in a
        repository, as to git, does not want it filled with databases. Raises EnvironmentProblemError."""
        with self._usable():
            entries = self.path.iterdir() if self.path.exists() else ()
            found = sorted(entry.name for entry in entries if not _may_be_there(entry))
        # Asked last: who opens it at this moment writes the version before anything else of ours.
        if found and self.path.name != FOLDER and not self.exists:
            more = f" and {len(found) - _NAMED} more" if len(found) > _NAMED else ""
            raise EnvironmentProblemError(
                f"{self.path} is no state folder and holds files that are not ours "
                f"({', '.join(found[:_NAMED])}{more}): name an empty or new folder, such as {self.path / FOLDER}"
            )

    @contextlib.contextmanager
    def _usable(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise EnvironmentProblemError(
                f"cannot use the state folder {self.path}: {error}; set {VARIABLE} to a folder you may write"
            ) from error

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
        write_card(card, json.dumps({"id": made}))
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
        with room(self.path):
            descriptor = try_lock(lock)
        if descriptor is None:
            raise EnvironmentProblemError(
                f"the state folder {self.path} is in use by {_who(card)}: stop that one first (Ctrl-C there, or "
                f"`aios down`), or set {VARIABLE} to another folder"
            )
        try:
            self._refuse_if_deleted()
            write_card(card, json.dumps({"pid": os.getpid(), "since": datetime.now(UTC).isoformat(timespec="seconds")}))
            yield
            card.unlink(missing_ok=True)
        finally:
            os.close(descriptor)

    @contextlib.contextmanager
    def share(self) -> Iterator[None]:
        """Open it and work in it, beside others who do: until the end it is not `deserted`. Raises as `open` does,
        and ServiceUnavailableError when somebody clears it away all the time."""
        self.open()
        try:
            descriptor = wait_for_lock(self._workers, patience=SHARE_SECONDS, shared=True)
        except FileNotFoundError:
            self._refuse_if_deleted()
            raise
        try:
            self._refuse_if_deleted()
            yield
        finally:
            os.close(descriptor)

    @contextlib.contextmanager
    def deserted(self) -> Iterator[bool]:
        """Whether nobody shares it; if so, nobody begins to meanwhile."""
        descriptor = try_lock(self._workers)
        try:
            yield descriptor is not None
        finally:
            if descriptor is not None:
                os.close(descriptor)

    def _refuse_if_deleted(self) -> None:
        """After a lock was waited for, which `aios down --wipe` may have held."""
        if not self.exists:
            raise EnvironmentProblemError(f"the state folder {self.path} was deleted just now: try again")

    @property
    def _workers(self) -> Path:
        return self.path / "workers.lock"

    def driver(self) -> int | None:
        """The process id of the one who drives it now, None when nobody does."""
        if not (self.exists and is_locked(self.path / "up.lock")):
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


def _may_be_there(entry: Path) -> bool:
    """Before it is a state folder."""
    if entry.name == ".gitignore":
        return ignores_all(entry)
    return entry.name in _BEFOREHAND or is_unfinished(entry.name) or is_harmless(entry.name)


def is_harmless(name: str) -> bool:
    """Whether a file of this name says nothing of whose folder it is in."""
    return name in _HARMLESS or name.startswith(".nfs")


def ignores_all(file: Path) -> bool:
    """Whether this is a `.gitignore` as we write it, or as somebody does who means the same."""
    return file.is_file() and file.read_text(encoding="utf-8", errors="replace").strip() == IGNORED
