"""What a failure means, by its status, body and headers."""

import pytest

from aios.adapters.model_api.failures import broke_off, error_code, refused, retry_after, spoken
from aios.adapters.model_api.vendor import Vendor

VENDOR = Vendor("Anthropic", "strong", "claude-x", "https://user:secret@api.example.com:8443/v1", "ANTHROPIC_API_KEY")


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "30"}, 30.0),
        ({"retry-after": "1.5"}, 1.5),
        ({"retry-after": "-3"}, 0.0),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after-ms": "250", "retry-after": "9"}, 0.25),
        ({"retry-after": "Wed, 21 Oct 2026 07:28:30 GMT", "date": "Wed, 21 Oct 2026 07:28:00 GMT"}, 30.0),
        ({"retry-after": "Wed, 21 Oct 2026 07:28:00 GMT", "date": "Wed, 21 Oct 2026 07:28:30 GMT"}, 0.0),
        ({"retry-after": "Wed, 21 Oct 2026 07:28:30 GMT"}, None),
        ({"retry-after": "Wed, 21 Oct 2026 07:28:30 -0000", "date": "Wed, 21 Oct 2026 07:28:00 GMT"}, None),
    ],
)
def test_the_time_to_wait_is_read_in_every_form(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(headers) == seconds


@pytest.mark.parametrize(
    ("body", "said", "code"),
    [
        (None, "", ""),
        ("plain  text\n", "plain text", ""),
        ({}, "", ""),
        ({"error": {"type": "overloaded_error", "message": "Overloaded"}}, "Overloaded", "overloaded_error"),
        ({"error": {"code": 500, "type": "server_error", "message": "boom"}}, "boom", "server_error"),
        ({"error": {"code": "insufficient_quota", "type": "x", "message": "pay"}}, "pay", "insufficient_quota"),
        (
            {"error": {"code": "context_length_exceeded", "type": "invalid_request_error"}},
            None,
            "context_length_exceeded",
        ),
        ({"error": "model not found"}, "model not found", ""),
        ({"message": "boom", "type": "rate_limit_error"}, "boom", "rate_limit_error"),
        ({"detail": [{"msg": "field required"}]}, "[{'msg': 'field required'}]", ""),
        (["odd"], "['odd']", ""),
    ],
)
def test_the_message_and_kind_are_found_in_every_shape(body: object, said: str | None, code: str) -> None:
    assert error_code(body) == code
    if said is not None:
        assert spoken(body) == said


@pytest.mark.parametrize(
    "body",
    [
        {"error": {"code": "insufficient_quota", "message": "You exceeded your current quota"}},
        {"error": {"code": "project_spend_limit_exceeded", "type": "rate_limit_error", "message": "m"}},
        {"error": {"type": "rate_limit_error", "details": {"error_code": "enforced_spend_limit_reached"}}},
    ],
)
def test_credit_that_is_used_up_is_not_waited_for(body: object) -> None:
    error = refused(VENDOR, 429, body, {"retry-after": "1"})
    assert not error.transient
    assert "top it up" in str(error)
    assert not refused(VENDOR, 402, None, {}).transient


def test_a_call_that_the_vendors_parser_refused_is_sampled_again_and_opens_no_circuit() -> None:
    body = {"error": {"code": "tool_use_failed", "type": "invalid_request_error", "message": "Failed to call a tool"}}
    for error in (refused(VENDOR, 400, body, {}), broke_off(VENDOR, body, begun=True)):
        assert (error.transient, error.works) == (True, True)
    assert not refused(VENDOR, 400, {"error": {"type": "invalid_request_error"}}, {}).transient


def test_who_names_a_time_to_wait_is_well_only_if_there_was_too_much_to_do() -> None:
    wait = {"retry-after": "2"}
    told = {status: refused(VENDOR, status, None, wait) for status in (429, 500, 503, 529)}
    assert {status: error.works for status, error in told.items()} == {429: True, 500: False, 503: False, 529: False}
    assert {error.retry_after for error in told.values()} == {2.0}
    assert not refused(VENDOR, 429, None, {}).works


def test_a_message_names_model_provider_and_host_and_no_credentials() -> None:
    said = str(refused(VENDOR, 401, {"error": {"message": "invalid x-api-key"}}, {}))
    assert said == (
        "model strong: Anthropic (claude-x at api.example.com:8443) answered 401: invalid x-api-key. "
        "Look at the key in ANTHROPIC_API_KEY; `aios doctor` says which one is used."
    )


@pytest.mark.parametrize(
    ("kind", "begun", "transient", "charged"),
    [
        ("overloaded_error", False, True, False),
        ("overloaded_error", True, True, True),
        ("api_error", True, True, True),
        ("timeout_error", False, True, True),
        ("invalid_request_error", False, False, False),
        ("a kind of next year", True, True, True),
    ],
)
def test_an_error_in_a_stream_is_judged_by_its_kind(kind: str, begun: bool, transient: bool, charged: bool) -> None:
    error = broke_off(VENDOR, {"type": "error", "error": {"type": kind, "message": "m"}}, begun=begun)
    assert (error.transient, error.maybe_charged) == (transient, charged)


@pytest.mark.parametrize(
    ("code", "kind", "transient"),
    [
        (400, "BadRequestError", False),
        ("429", "throttling_error", True),
        (503, "", True),
        (402, "", False),
        ("context_length_exceeded", "x", False),
        (7, "of its own", True),
    ],
)
def test_an_error_in_a_stream_may_state_its_status_as_a_code(code: object, kind: str, transient: bool) -> None:
    """vLLM and OpenRouter as a number, LiteLLM as digits; OpenAI's library passes on what is within `error`."""
    inner = {"message": "m", "type": kind, "code": code}
    for body in (inner, {"error": inner}):
        assert broke_off(VENDOR, body, begun=False).transient is transient


@pytest.mark.parametrize("status", [400, 404, 409, 418, 422, 501, 505])
def test_what_stays_wrong_is_not_tried_again(status: int) -> None:
    assert not refused(VENDOR, status, None, {}).transient
