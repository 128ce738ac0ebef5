"""What an S3 server's refusals mean to us, in one place."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

from aios.adapters.s3.transport import Answer
from aios.errors import (
    CredentialsRefusedError,
    NoBucketError,
    NotFoundError,
    PreconditionError,
    ServiceUnavailableError,
)

_CODE = re.compile(rb"<Code>([^<]*)</Code>")
_MESSAGE = re.compile(rb"<Message>([^<]*)</Message>")
_PASSING_CODES = {"OperationAborted", "RequestTimeout"}
"""Of 409 and 400: two writes at once, and a body that came too slowly."""
ALLOWED_SKEW_SECONDS = 15 * 60
"""Signatures that are further off are refused."""
_CREDENTIALS = {"InvalidAccessKeyId", "SignatureDoesNotMatch", "AccessDenied", "Forbidden", ""}


def code_of(answer: Answer) -> str:
    """The `<Code>` of an error document; empty when there is none."""
    found = _CODE.search(answer.body)
    return found[1].decode(errors="replace") if found else ""


def is_passing(answer: Answer) -> bool:
    """Whether the server asks for patience: overloaded, restarting, or two conditional writes at once (409)."""
    if answer.status in {429, 500, 502, 503, 504}:
        return True
    code = code_of(answer) if answer.status in {400, 409} else ""
    return code in _PASSING_CODES or (answer.status == 409 and "Conflict" in code)


def skew_seconds(headers: Mapping[str, str]) -> float:
    """How far the server's clock is from ours, by an answer's `Date`; 0 when it states none that can be read."""
    try:
        stated = parsedate_to_datetime(headers.get("Date", ""))
    except ValueError:
        return 0.0
    return abs((datetime.now(UTC) - stated.astimezone(UTC)).total_seconds())


def clocks_differ(store: object) -> ServiceUnavailableError:
    """What a store refuses for the time it was signed at."""
    return ServiceUnavailableError(
        f"the object store at {store} refuses requests because this machine's clock differs from its own: set it"
    )


def no_bucket(bucket: str, store: object) -> NoBucketError:
    """Workers make none: a missing one is not made yet, or its name is wrong."""
    return NoBucketError(f"no bucket {bucket} at {store}; the operator, or `aios up`, makes it")


def refused(answer: Answer, store: object, access_key: str, bucket: str, key: str = "") -> Exception:
    """The error for an answer that is no success. `store` is shown, so it holds no credentials."""
    code, where = code_of(answer), f"{bucket}/{key}" if key else bucket
    if answer.status == 404:
        if code == "NoSuchBucket":
            return no_bucket(bucket, store)
        return NotFoundError(f"no object {where}")
    if answer.status == 412:
        return PreconditionError(f"{where} is not as the conditional write expected it")
    # The answer to a HEAD has no document and so no code.
    off = not code and skew_seconds(answer.headers) > ALLOWED_SKEW_SECONDS
    if answer.status in {401, 403} and (code == "RequestTimeTooSkewed" or off):
        return clocks_differ(store)
    if answer.status in {401, 403} and code in _CREDENTIALS:
        return CredentialsRefusedError(
            f"the object store at {store} refuses access key {access_key} for {where} ({code or answer.status}): "
            "correct key and secret in AIOS_OBJECTS_URL, or the key's policy"
        )
    said = _MESSAGE.search(answer.body)
    more = f": {said[1].decode(errors='replace')}" if said else ""
    more += _elsewhere(answer)
    return ServiceUnavailableError(f"the object store at {store} answers {answer.status} {code} for {where}{more}")


def _elsewhere(answer: Answer) -> str:
    """Where the server says that we should have asked; a redirect would need another signature."""
    if answer.status // 100 == 3 and (location := answer.headers.get("Location")):
        return f"; it sends us to {urlsplit(location).netloc or location}: name that host"
    region = answer.headers.get("x-amz-bucket-region")
    return f"; the bucket lies in region {region}: state ?region={region}" if region else ""
