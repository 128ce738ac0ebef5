"""Where an S3 server is and who we are there, from one URL."""

from dataclasses import dataclass, field
from urllib.parse import parse_qs, unquote, urlsplit

from aios.adapters.tls import Trust
from aios.adapters.tls_failures import Way
from aios.errors import EnvironmentProblemError

DEFAULT_REGION = "us-east-1"
VARIABLES = "AIOS_OBJECTS_URL or AIOS_JOURNAL_URL"
"""Where users state it; an address does not know by which it came."""


@dataclass(frozen=True, slots=True)
class S3Address:
    """An endpoint with credentials; shown without them."""

    scheme: str
    host: str
    """With the port, unless it is the scheme's own."""
    access_key: str = field(repr=False)
    secret_key: str = field(repr=False)
    region: str = DEFAULT_REGION
    trust: Trust = field(default_factory=Trust)
    prefix: str = ""
    """Before the name of every bucket, so that several installations can share an account."""

    @classmethod
    def parse(cls, url: str) -> "S3Address":
        """`s3+http[s]://KEY:SECRET@HOST[:PORT][?region=R&prefix=P-]`; key and secret percent-encoded; TLS as in
        `adapters.tls`.

        Raises EnvironmentProblemError saying what is missing, without repeating the URL.
        """
        parts = urlsplit(url)
        query = parse_qs(parts.query)
        if not parts.username or not parts.password:
            raise EnvironmentProblemError(
                "the URL of the object store has no credentials: s3+http://KEY:SECRET@HOST:PORT, both percent-encoded"
            )
        name = f"[{parts.hostname}]" if parts.hostname and ":" in parts.hostname else parts.hostname or ""
        return cls(
            scheme=parts.scheme.removeprefix("s3+"),
            host=f"{name}:{parts.port}" if parts.port else name,
            access_key=unquote(parts.username),
            secret_key=unquote(parts.password),
            region=query.get("region", [DEFAULT_REGION])[0],
            trust=Trust.from_url(url),
            prefix=query.get("prefix", [""])[0],
        )

    @property
    def way(self) -> Way:
        """For what is said of failures."""
        return Way(f"the object store at {self}", self.trust, VARIABLES)

    def __str__(self) -> str:
        return f"{self.scheme}://{self.host}"
