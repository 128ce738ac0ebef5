"""What an S3 server's refusals mean to us, in one place."""

import re

from aios.adapters.s3.transport import Answer
from aios.errors import CredentialsRefusedError, NotFoundError, PreconditionError, ServiceUnavailableError

_CODE = re.compile(rb"<Code>([^<]*)</Code>")
_MESSAGE = re.compile(rb"<Message>([^<]*)</Message>")
_CREDENTIALS = {"InvalidAccessKeyId", "SignatureDoesNotMatch", "AccessDenied", "Forbidden", ""}


def code_of(answer: Answer) -> str:
    """The `<Code>` of an error document; empty when there is none."""
    found = _CODE.search(answer.body)
    return found[1].decode(errors="replace") if found else ""


def is_passing(answer: Answer) -> bool:
    """Whether the server asks for patience: overloaded, restarting, or two conditional writes at once (409)."""
    return answer.status in {429, 500, 502, 503, 504} or (answer.status == 409 and "Conflict" in code_of(answer))


def no_bucket(bucket: str, store: object) -> NotFoundError:
    """Workers make none: a missing one is not made yet, or its name is wrong."""
    return NotFoundError(f"no bucket {bucket} at {store}; the operator, or `aios up`, makes it")


def refused(answer: Answer, store: object, access_key: str, bucket: str, key: str = "") -> Exception:
    """The error for an answer that is no success. `store` is shown, so it holds no credentials."""
    code, where = code_of(answer), f"{bucket}/{key}" if key else bucket
    if answer.status == 404:
        if code == "NoSuchBucket":
            return no_bucket(bucket, store)
        return NotFoundError(f"no object {where}")
    if answer.status == 412:
        return PreconditionError(f"{where} is not as the conditional write expected it")
    if answer.status in {401, 403} and code == "RequestTimeTooSkewed":
        return ServiceUnavailableError(
            f"the object store at {store} refuses requests because this machine's clock differs from its own: set it"
        )
    if answer.status in {401, 403} and code in _CREDENTIALS:
        return CredentialsRefusedError(
            f"the object store at {store} refuses access key {access_key} for {where} ({code or answer.status}): "
            "correct key and secret in AIOS_OBJECTS_URL, or the key's policy"
        )
    said = _MESSAGE.search(answer.body)
    more = f": {said[1].decode(errors='replace')}" if said else ""
    return ServiceUnavailableError(f"the object store at {store} answers {answer.status} {code} for {where}{more}")
