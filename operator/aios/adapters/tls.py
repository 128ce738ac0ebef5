"""TLS to services: whom we trust and who we say we are, stated alike in every service's URL.

`?cafile=FILE` names the authorities that are trusted, and then only these; without it the machine's own trust store
counts, which OpenSSL finds by itself or by SSL_CERT_FILE and SSL_CERT_DIR. `certfile=FILE` and `keyfile=FILE` are our
certificate, for servers that ask for one. A server's certificate and its host name are always verified: no option
turns that off, and those by which the libraries would are refused. All files are PEM and are read when a process
connects for the first time, so it is started again when they change.
"""

import re
import ssl
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

from aios.errors import EnvironmentProblemError

OPTIONS = ("cafile", "certfile", "keyfile")
_SCHEMES = {"amqp": "amqps", "http": "https", "redis": "rediss"}
"""With TLS by those without; what stands before a `+`, as in s3+https, says what is spoken over them."""
_FOREIGN = re.compile(r"[a-z_]*(ssl|verify)[a-z_]*|ca(path|data)")
"""Options of the clients below us, which would weaken or contradict ours."""
_CERTIFICATE = re.compile(r"-----BEGIN ((?:X509 |TRUSTED )?CERTIFICATE)-----.+?-----END \1-----", re.DOTALL)
"""What OpenSSL takes for one: between its lines PEM is ASCII, around them anything may stand."""


@dataclass(frozen=True, slots=True)
class Trust:
    """What a URL says of TLS; file names are empty where it states none."""

    scheme: str = ""
    cafile: str = ""
    certfile: str = ""
    keyfile: str = ""

    @classmethod
    def from_url(cls, url: str) -> "Trust":
        """Raises EnvironmentProblemError for options that contradict each other or the scheme."""
        parts = urlsplit(url)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        foreign = sorted(filter(_FOREIGN.fullmatch, query))
        if foreign:
            raise EnvironmentProblemError(
                f"{foreign[0]} is no option of the URL: TLS takes cafile, certfile and keyfile, and certificates are "
                "always verified"
            )
        made = cls(parts.scheme, *(query.get(option, "") for option in OPTIONS))
        stated = [option for option in OPTIONS if getattr(made, option)]
        if stated and not made.encrypted:
            raise EnvironmentProblemError(
                f"{stated[0]} is stated, but {parts.scheme}:// does not encrypt: {made.encrypted_scheme}:// does"
            )
        if made.keyfile and not made.certfile:
            raise EnvironmentProblemError("keyfile is stated without certfile: state its certificate, too")
        return made

    @property
    def encrypted(self) -> bool:
        return self.scheme.rpartition("+")[2] in _SCHEMES.values()

    @property
    def encrypted_scheme(self) -> str:
        """The scheme as it is, or with TLS if there is such a one."""
        what, plus, carrier = self.scheme.rpartition("+")
        return f"{what}{plus}{_SCHEMES.get(carrier, carrier)}"

    def context(self) -> ssl.SSLContext:
        """A new one, as clients change what they get. Raises EnvironmentProblemError naming the file."""
        try:
            made = ssl.create_default_context(cafile=self.cafile or None)
        except OSError as error:
            raise _unusable(f"cafile={self.cafile}", "a certificate", error) from error
        if self.certfile:
            try:
                # A key with a passphrase would make OpenSSL ask for it on the terminal.
                made.load_cert_chain(self.certfile, self.keyfile or None, password=lambda: "")
            except OSError as error:
                files = f"certfile={self.certfile}" + (f" with keyfile={self.keyfile}" if self.keyfile else "")
                raise _unusable(files, "a certificate with its key (without a passphrase)", error) from error
        return made

    def authorities(self) -> str:
        """The certificates that `cafile` holds, as PEM, and nothing else: a private key beside them is not told.
        Raises EnvironmentProblemError naming the file."""
        try:
            text = Path(self.cafile).read_text(encoding="ascii", errors="replace")
        except OSError as error:
            raise _unusable(f"cafile={self.cafile}", "a certificate", error) from error
        found = [f"{match.group()}\n" for match in _CERTIFICATE.finditer(text)]
        if not found:
            raise EnvironmentProblemError(f"cafile={self.cafile}: not a certificate in PEM form")
        return "".join(found)

    def told(self) -> tuple[str, ...]:
        """For `aios doctor`: a phrase, none without TLS."""
        if not self.encrypted:
            return ()
        whom = self.cafile or "this machine's trust store"
        return (f"TLS, verified by {whom}{f', ours is {self.certfile}' if self.certfile else ''}",)


def check(url: str, variable: str) -> None:
    """Raises EnvironmentProblemError naming the variable and what is wrong with its TLS options or their files."""
    try:
        trust = Trust.from_url(url)
        if trust.cafile or trust.certfile:
            trust.context()
    except EnvironmentProblemError as error:
        raise EnvironmentProblemError(f"{variable}: {error}") from error


def with_cafile(url: str, file: str) -> str:
    """The same, for a process that finds the authorities elsewhere. A URL that states none is as it was."""
    parts = urlsplit(url)
    stated = parse_qsl(parts.query, keep_blank_values=True)
    if "cafile" not in dict(stated):
        return url
    moved = [(name, file if name == "cafile" else value) for name, value in stated]
    return parts._replace(query=urlencode(moved, safe="/")).geturl()


def without_options(url: str) -> str:
    """For clients that take every option for one of theirs."""
    parts = urlsplit(url)
    kept = [(name, value) for name, value in parse_qsl(parts.query, keep_blank_values=True) if name not in OPTIONS]
    return parts._replace(query=urlencode(kept)).geturl()


def _unusable(files: str, what: str, error: OSError) -> EnvironmentProblemError:
    if isinstance(error, ssl.SSLError):
        return EnvironmentProblemError(f"{files}: not {what} in PEM form")
    return EnvironmentProblemError(
        f"{files}: cannot be read here ({error.strerror or error}): correct the path, or mount it"
    )
