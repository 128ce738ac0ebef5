"""What is said of a failure: the servers' own are in each adapter's tests, here is what those cannot show."""

import errno
import ssl

import pytest

from aios.adapters.tls import Trust
from aios.adapters.tls_failures import Way
from aios.errors import TlsRefusedError

PLAIN, ENCRYPTED = Trust("amqp"), Trust("amqps")


def said(error: BaseException, trust: Trust, *, answered: bool = False) -> str:
    failure = Way("it", trust, "AIOS_BROKER_URL").failure(error, "it failed", answered=answered)
    return str(failure).removeprefix("it: ")


@pytest.mark.parametrize("trust", [PLAIN, ENCRYPTED])
def test_what_is_no_matter_of_tls_is_said_as_it_was(trust: Trust) -> None:
    assert said(OSError(errno.EHOSTUNREACH, "no route"), trust) == "it failed"


@pytest.mark.parametrize(
    "refused",
    [
        ConnectionRefusedError(errno.ECONNREFUSED, "Connect call failed ('127.0.0.1', 1)"),
        OSError("Multiple exceptions: [Errno 111] Connect call failed, [Errno 111] Connect call failed"),
        ExceptionGroup("all attempts failed", [ConnectionRefusedError(errno.ECONNREFUSED, "no")]),
    ],
)
def test_a_port_where_nobody_listens_is_told_without_the_words_of_a_library(refused: Exception) -> None:
    wrapped = RuntimeError("HTTPConnectionPool(host=...): Max retries exceeded")
    wrapped.__cause__ = refused
    assert said(wrapped, PLAIN) == said(wrapped, ENCRYPTED) == "connection refused"


def test_a_connection_that_is_cut_before_the_first_answer_may_want_tls() -> None:
    assert said(ConnectionResetError(), PLAIN) == "it failed; if it expects TLS there, the URL starts with amqps://"


@pytest.mark.parametrize("trust", [PLAIN, ENCRYPTED])
def test_an_outage_is_not_blamed_on_tls(trust: Trust) -> None:
    for error in (ConnectionResetError(), EOFError(), TimeoutError()):
        assert said(error, trust, answered=True) == "it failed"


def test_a_silent_port_may_have_no_tls() -> None:
    assert "does not speak TLS" in said(TimeoutError(), ENCRYPTED)
    assert said(TimeoutError(), PLAIN) == "it failed"


def test_a_certificate_that_is_not_trusted_is_another_failure_than_an_outage() -> None:
    way, mistrust = Way("it", ENCRYPTED, "AIOS_BROKER_URL"), ssl.SSLCertVerificationError(1, "no")
    mistrust.reason, mistrust.verify_code, mistrust.verify_message = "CERTIFICATE_VERIFY_FAILED", 10, "expired"
    assert isinstance(way.failure(mistrust, ""), TlsRefusedError)
    assert "out of date (expired)" in str(way.failure(mistrust, ""))
    assert not isinstance(way.failure(ConnectionResetError(), ""), TlsRefusedError)


def test_errors_that_name_each_other_are_read_to_an_end() -> None:
    one, other = RuntimeError(), RuntimeError()
    one.__cause__, other.__cause__ = other, one
    assert said(one, ENCRYPTED) == "it failed"
