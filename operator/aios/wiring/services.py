"""Services: which server plays which port, by URL. A port without one is played by its embedded twin.

URLs hold credentials: what is shown, logged or written down is always `without_credentials`.
"""

import re
from dataclasses import dataclass
from urllib.parse import parse_qsl, quote, urlsplit

from aios.adapters import tls
from aios.errors import EnvironmentProblemError
from aios.settings import Settings
from aios.wiring.embedders import read_url

_SCHEMES = {
    "broker": ("amqp", "amqps"),
    "broker_admin": ("http", "https"),
    "objects": ("s3+http", "s3+https"),
    "journal": ("s3+http", "s3+https"),
    "sessions": ("redis", "rediss"),
    "knowledge": ("http", "https"),
    "embeddings": ("ollama+http", "ollama+https", "openai+http", "openai+https"),
}
_OPTIONS = {
    "broker": ("heartbeat", "auth", "name"),
    "objects": ("region", "prefix"),
    "journal": ("region", "prefix"),
    "sessions": (
        *("db", "client_name", "max_connections", "health_check_interval"),
        *("socket_connect_timeout", "socket_keepalive"),
    ),
    "embeddings": ("least", "mine"),
}
"""What a URL may state after its `?`, besides the options of TLS: ours, and those of the clients that read it whole."""
_INTEGERS = frozenset({"db", "health_check_interval", "max_connections"})
"""Their clients choke on 1.5, or take it for 0."""
_NUMBERS = frozenset({"least", "socket_connect_timeout"})
_LONGEST_HEARTBEAT = 65_534
"""Seconds; AMQP's clients take more for none, and 0 turns it off: then a frozen process keeps its bells for ever."""
_INTEGER = re.compile(r"[0-9]{1,9}")
_NUMBER = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?")
_PREFIX = re.compile(r"([a-z0-9][a-z0-9-]{0,29})?")
"""Of bucket names, which have 63 characters at most, and a namespace comes after it."""
ABROAD = ("broker", "objects", "sessions")
"""What processes that share no state folder must share as services."""


@dataclass(frozen=True, slots=True)
class Services:
    """URLs by port; empty: the embedded twin in the state folder."""

    broker: str = ""
    broker_admin: str = ""
    objects: str = ""
    journal: str = ""
    """Where the journal's objects are; with `objects` and without this, there."""
    sessions: str = ""
    """Sessions, leases and counters."""
    knowledge: str = ""
    embeddings: str = ""
    """Without one knowledge is searched by words alone."""

    @classmethod
    def from_settings(cls, settings: Settings) -> "Services":
        """Raises EnvironmentProblemError naming the variable whose URL no adapter understands, whose TLS files are
        none, or that would have memories read by somebody else's cloud."""
        stated = {port: getattr(settings, f"{port}_url").get_secret_value() for port in _SCHEMES}
        for port, url in stated.items():
            _require(port, url)
            tls.check(url, variable(port))
            _require_known_options(port, url)
            _require_sound_options(port, url)
        if stated["embeddings"]:
            read_url(stated["embeddings"])
        return cls(**{**stated, "journal": stated["journal"] or stated["objects"]})

    def missing(self) -> tuple[str, ...]:
        """The variables that processes without a common state folder still need."""
        return tuple(variable(port) for port in ABROAD if not getattr(self, port))

    def truth(self) -> dict[str, str]:
        """Where what must not be lost is: journal and files, without credentials; empty: in the state folder."""
        return {port: _place(getattr(self, port)) for port in ("journal", "objects")}


def variable(port: str) -> str:
    """The environment variable that states the port's URL."""
    return f"AIOS_{port.upper()}_URL"


def without_credentials(url: str) -> str:
    """Scheme, host, port and path: what may be shown."""
    if not url:
        return ""
    parts = urlsplit(url)
    host = f"[{parts.hostname}]" if parts.hostname and ":" in parts.hostname else parts.hostname or ""
    return f"{parts.scheme}://{host}{f':{parts.port}' if parts.port else ''}{parts.path.rstrip('/')}"


def _place(url: str) -> str:
    """Two prefixes in one store are two places."""
    prefix = dict(parse_qsl(urlsplit(url).query)).get("prefix", "")
    return without_credentials(url) + (f"?prefix={prefix}" if prefix else "")


def with_credentials(url: str, user: str, password: str) -> str:
    """The same server with the same options, as another user."""
    parts = urlsplit(url)
    place = parts.netloc.rpartition("@")[2]
    return parts._replace(netloc=f"{quote(user, safe='')}:{quote(password, safe='')}@{place}").geturl()


def _require(port: str, url: str) -> None:
    if not url:
        return
    known = " or ".join(f"{scheme}://" for scheme in _SCHEMES[port])
    try:
        parts = urlsplit(url)
        usable = parts.scheme in _SCHEMES[port] and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        # The value itself is not repeated: it may hold a password.
        raise EnvironmentProblemError(
            f"{variable(port)} is no URL for this: it starts with {known} and names a host; in a user or password the "
            "characters : / ? # [ ] @ % are percent-encoded, as %2F is for /"
        )
    if port in {"objects", "journal"} and parts.path.strip("/"):
        raise EnvironmentProblemError(
            f"{variable(port)} has a path, and buckets are made by us: to keep installations apart, state a beginning "
            "of their names, ?prefix=NAME-"
        )
    if port == "sessions" and not (parts.path.strip("/") or "0").isdecimal():
        # The client takes what is no number for database 0 and says nothing.
        raise EnvironmentProblemError(f"{variable(port)} names a database that is no number: redis://HOST:PORT/0")


def _require_sound_options(port: str, url: str) -> None:
    for name, value in parse_qsl(urlsplit(url).query, keep_blank_values=True):
        if name in _NUMBERS and not _NUMBER.fullmatch(value):
            raise EnvironmentProblemError(f"{variable(port)}: the option {name} is a number, and this is none")
        if name in _INTEGERS and not _INTEGER.fullmatch(value):
            raise EnvironmentProblemError(f"{variable(port)}: the option {name} is a whole number, and this is none")
        if name == "heartbeat" and not (_INTEGER.fullmatch(value) and 1 <= int(value) <= _LONGEST_HEARTBEAT):
            raise EnvironmentProblemError(
                f"{variable(port)}: the option heartbeat is a whole number of seconds from 1 to {_LONGEST_HEARTBEAT}"
            )
        if name == "prefix" and not _PREFIX.fullmatch(value):
            raise EnvironmentProblemError(
                f"{variable(port)}: the option prefix begins the names of buckets: at most 30 of a-z, 0-9 and -, the "
                "first no -"
            )


def _require_known_options(port: str, url: str) -> None:
    """A misspelt option would be passed over without a word: the wrong region, or a store that others use, too."""
    # Clients of models and embedders are told by SSL_CERT_FILE alone.
    known = (*_OPTIONS.get(port, ()), *(() if port == "embeddings" else tls.OPTIONS))
    stated = [name for name, _ in parse_qsl(urlsplit(url).query, keep_blank_values=True)]
    wrong = next((name for name in stated if name not in known), None)
    if wrong is not None:
        # What is no word may be the rest of a password with a ? in it.
        named = f'no option "{wrong}"' if wrong.replace("_", "").isalpha() else "no such option"
        raise EnvironmentProblemError(f"{variable(port)}: there is {named}; after its ? it takes {', '.join(known)}")
