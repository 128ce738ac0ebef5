"""What a provider's failure means: may the same request succeed later, when, and may it have been charged. Pure.

An error status before any output is taken for a refusal that costs nothing, but for the statuses by which a gateway
says that it stopped waiting: the model behind it may have answered. Whatever fails once a request has left, without a
status, may have been charged.
"""

import json
import math
from collections.abc import Mapping
from email.utils import parsedate_to_datetime

from aios.adapters.model_api.vendor import Vendor
from aios.errors import ModelCallError
from aios.spec.vocabulary import shortened

LONGEST = 500
"""Characters of a vendor's message that are passed on."""
STOPPED_WAITING = frozenset({408, 504, 524})
"""Request timeout, gateway timeout, and Cloudflare's "a timeout occurred"."""
TOO_MANY = 429
PASSING = frozenset({408, 425, TOO_MANY})
LASTING = frozenset({501, 505})
EXHAUSTED = frozenset(
    {
        "insufficient_quota",
        "billing_hard_limit_reached",
        "billing_not_active",
        "credit_balance_exhausted",
        "organization_spend_limit_exceeded",
        "project_spend_limit_exceeded",
        "organization_usage_limit_exceeded",
        "enforced_spend_limit_reached",
    }
)
"""Codes of a 429 that no waiting mends: OpenAI's older ones, its newer ones, Anthropic's."""
RESAMPLED = frozenset({"tool_use_failed"})
"""Codes of a 400 that another sample mends: Groq's, when the model spelled a call that its parser does not take."""
TOO_LONG = frozenset({"context_length_exceeded", "exceed_context_size_error"})
"""Codes of a request that does not fit in the model's window."""
STATUS_OF = {
    "invalid_request_error": 400,
    "authentication_error": 401,
    "billing_error": 402,
    "permission_error": 403,
    "not_found_error": 404,
    "request_too_large": 413,
    "context_length_exceeded": 400,
    "exceed_context_size_error": 400,
    "rate_limit_error": 429,
    "rate_limit_exceeded": 429,
    "api_error": 500,
    "server_error": 500,
    "timeout_error": 504,
    "overloaded_error": 529,
}
"""The status that stands for an error's type where none came with it (the vendors' lists of errors)."""
KNOWN = frozenset(STATUS_OF) | EXHAUSTED | RESAMPLED


def refused(vendor: Vendor, status: int, body: object, headers: Mapping[str, str]) -> ModelCallError:
    """The server answered with an error status. `headers` by lower-case names."""
    code = error_code(body)
    said = spoken(body)
    wait = 0.0 if code in RESAMPLED else retry_after(headers)
    return ModelCallError(
        f"{vendor} answered {status}{f': {said}' if said else ''}.{_advice(vendor, status, code)}",
        transient=_passes(status, code),
        retry_after=wait,
        maybe_charged=status in STOPPED_WAITING,
        works=code in RESAMPLED or (status == TOO_MANY and wait is not None),
    )


def refused_in_part(vendor: Vendor, status: int, body: object) -> ModelCallError:
    """The server refused something that the next try leaves out. It may come at once: the provider works, and its
    circuit need not open over what we asked."""
    said = spoken(body)
    return ModelCallError(
        f"{vendor} answered {status}{f': {said}' if said else ''}; the next try goes without what it may have refused",
        transient=True,
        retry_after=0.0,
        works=True,
    )


def broke_off(vendor: Vendor, body: object, *, begun: bool) -> ModelCallError:
    """The stream carried an error. `begun`: after some of the answer."""
    code = error_code(body)
    status = STATUS_OF.get(code) or _stated_status(body) or 500
    when = "in the middle of its answer" if begun else "instead of an answer"
    return ModelCallError(
        f"{vendor} reported {code or 'an error'} {when}: {spoken(body) or 'without a word'}."
        f"{_advice(vendor, status, code)}",
        transient=_passes(status, code),
        maybe_charged=begun or status in STOPPED_WAITING,
        works=code in RESAMPLED,
    )


def unreachable(vendor: Vendor, said: str) -> ModelCallError:
    """No connection was made, so nothing was sent."""
    return ModelCallError(
        f"{vendor} cannot be reached: {_short(said)}. Nothing was sent. Is spec.endpoint right, does the server run, "
        "is there a network?",
        transient=True,
    )


def lost(vendor: Vendor, said: str) -> ModelCallError:
    """The connection ended after the request had left, before the answer was whole."""
    return ModelCallError(
        f"{vendor}: the answer was cut off: {_short(said)}. It may have been charged.",
        transient=True,
        maybe_charged=True,
    )


def out_of_time(vendor: Vendor, what: str) -> ModelCallError:
    """The answer took too long."""
    return ModelCallError(f"{vendor}: {what}. It may have been charged.", transient=True, maybe_charged=True)


def too_long(vendor: Vendor, limit: int) -> ModelCallError:
    """The answer went over what is read of one."""
    return ModelCallError(
        f"{vendor} sent more than {limit:,} bytes, which is no answer of spec.maxOutputTokens tokens: reading was "
        "stopped. It may have been charged.",
        transient=False,
        maybe_charged=True,
    )


def redirected(vendor: Vendor, status: int, target: str) -> ModelCallError:
    """The server points elsewhere; nobody said that the request may go there."""
    return ModelCallError(
        f"{vendor} answered {status}, it redirects to {target or 'nowhere'}; requests go only where spec.endpoint "
        "says: put the address there if you trust it",
        transient=False,
    )


def no_stream(vendor: Vendor, content_type: str) -> ModelCallError:
    """The server answered with something else than a stream of events."""
    return ModelCallError(
        f"{vendor} answered {content_type} where a stream of events was asked for: is spec.endpoint "
        f"({vendor.endpoint}) the provider's API? It may have been charged.",
        transient=False,
        maybe_charged=True,
    )


def unusable_key(vendor: Vendor) -> ModelCallError:
    """The key cannot be put into a header."""
    return ModelCallError(
        f"{vendor}: the API key holds characters that no HTTP header carries: look at {vendor.key_place}. "
        "Nothing was sent.",
        transient=False,
    )


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds the server asks to wait, None when it does not. A date is compared with the server's own clock, its
    header Date: no two hosts' clocks are compared."""
    milliseconds = _number(headers.get("retry-after-ms", ""))
    if milliseconds is not None:
        return milliseconds / 1000
    stated = headers.get("retry-after", "")
    number = _number(stated)
    if number is not None:
        return number
    try:
        wait = parsedate_to_datetime(stated) - parsedate_to_datetime(headers.get("date", ""))
    except (ValueError, TypeError):  # TypeError: one of the two states no zone
        return None
    return max(0.0, wait.total_seconds())


def spoken(body: object) -> str:
    """The message in an error's body, in any of the shapes in use, shortened."""
    if isinstance(body, Mapping):
        for field in ("error", "message", "detail"):
            if body.get(field):
                return _short(": ".join(filter(None, (spoken(body[field]), _source(body)))))
        return _short(str(dict(body))) if body else ""
    return _short(str(body)) if body is not None else ""


def _source(body: Mapping[str, object]) -> str:
    """What the provider behind a gateway said: OpenRouter's own message is `Provider returned error`."""
    metadata = body.get("metadata")
    raw = metadata.get("raw") if isinstance(metadata, Mapping) else None
    if not isinstance(raw, str):
        return spoken(raw)
    try:
        return spoken(json.loads(raw))
    except (ValueError, RecursionError):
        return _short(raw)


def error_code(body: object) -> str:
    """What kind of error the body states: its code if that is a word, else its type; "" when it states neither.
    Anthropic states a code among the details alone."""
    inner = body.get("error", body) if isinstance(body, Mapping) else None
    if not isinstance(inner, Mapping):
        return ""
    details = inner.get("details")
    code = details.get("error_code") if isinstance(details, Mapping) else None
    words = [word for word in (code, inner.get("code"), inner.get("type")) if isinstance(word, str)]
    return next((word for word in words if word in KNOWN), words[0] if words else "")


def _stated_status(body: object) -> int:
    """The status that the body of an error states as its code: a number (vLLM, OpenRouter) or digits (LiteLLM); 0: it
    states none."""
    inner = body.get("error", body) if isinstance(body, Mapping) else None
    stated = str(inner.get("code")) if isinstance(inner, Mapping) else ""
    return int(stated) if stated in {str(status) for status in range(400, 600)} else 0


def _passes(status: int, code: str) -> bool:
    if code in EXHAUSTED:
        return False
    return code in RESAMPLED or status in PASSING or (status >= 500 and status not in LASTING)


def _advice(vendor: Vendor, status: int, code: str) -> str:
    if code in EXHAUSTED or status == 402:
        return " The account's credit or quota is used up: top it up, or state another model."
    match status:
        case 401 | 403:
            return f" Look at the key in {vendor.key_place}; `aios doctor` says which one is used."
        case 404:
            return f" Does the provider have a model {vendor.asked}? See spec.model and spec.endpoint."
        case 413:
            return " The request is too large: give the task less to read."
        case _:
            return ""


def _short(text: str) -> str:
    return str(shortened(" ".join(text.split()), LONGEST)).rstrip(".")


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return max(0.0, number) if math.isfinite(number) else None
