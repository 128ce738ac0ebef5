"""Whom a server obeys and where it listens. Kept in a file, it lets the server's next start go on with the last one's
data at the last one's addresses."""

import json
import os
import secrets
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.servers.process import free_ports


@dataclass(frozen=True, slots=True)
class Identity:
    """`ports` in the order that the server's class states."""

    user: str
    password: str
    ports: tuple[int, ...]

    @classmethod
    def fresh(cls, ports: int, *, user: str = "aios-tests") -> "Identity":
        """A random password and that many free ports on loopback."""
        return cls(user, secrets.token_hex(16), tuple(free_ports(ports)))

    @classmethod
    def kept(cls, file: Path, ports: int) -> "Identity":
        """What the file says, which is made, readable by nobody else, when it is not there."""
        if file.exists():
            said = json.loads(file.read_text())
            return cls(said["user"], said["password"], tuple(said["ports"]))
        made = cls.fresh(ports, user="aios")
        write_private(file, json.dumps(asdict(made)))
        return made


def write_private(file: Path, text: str) -> None:
    """Replace the file by one that only this user may read; never a half of it, never readable in between."""
    new = file.with_name(file.name + ".new")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as output:
        output.write(text)
    new.replace(file)
