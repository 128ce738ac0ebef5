"""What a URL may say of TLS, and what a person is told when it does not hold."""

from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization

from aios.adapters.tls import Trust, check, with_cafile, without_options
from aios.errors import EnvironmentProblemError
from tests.servers.tls import Authorities

VARIABLE = "AIOS_BROKER_URL"


def problem(url: str) -> str:
    with pytest.raises(EnvironmentProblemError, match=VARIABLE) as error:
        check(url, VARIABLE)
    return str(error.value)


def test_a_file_that_is_not_there_is_named_with_the_variable(tmp_path: Path) -> None:
    said = problem(f"amqps://u:hunter2@h/?cafile={tmp_path}/none.pem")
    assert f"{tmp_path}/none.pem" in said
    assert "No such file" in said
    assert "hunter2" not in said


def test_a_file_without_a_certificate_is_named_with_the_variable(tmp_path: Path, authorities: Authorities) -> None:
    (tmp_path / "prose.pem").write_text("no certificate")
    for file in (tmp_path / "prose.pem", authorities.ours.key):
        assert f"cafile={file}: not a certificate" in problem(f"amqps://u:p@h/?cafile={file}")


def test_a_certificate_of_ours_needs_its_own_key(tmp_path: Path, authorities: Authorities) -> None:
    certificate = authorities.ours.certificate
    check(f"amqps://h/?certfile={certificate}&keyfile={authorities.ours.key}", VARIABLE)
    both = tmp_path / "both.pem"
    both.write_bytes(certificate.read_bytes() + authorities.ours.key.read_bytes())
    check(f"amqps://h/?certfile={both}", VARIABLE)
    for files in (f"certfile={certificate}", f"certfile={certificate}&keyfile={authorities.ours.account_key}"):
        assert "not a certificate with its key" in problem(f"amqps://h/?{files}")
    assert "without certfile" in problem(f"amqps://h/?keyfile={authorities.ours.key}")


def test_a_passphrase_is_refused_and_never_asked_for(tmp_path: Path, authorities: Authorities) -> None:
    key = serialization.load_pem_private_key(authorities.ours.key.read_bytes(), password=None)
    locked = tmp_path / "locked.key"
    locked.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"secret"),
        )
    )
    assert "without a passphrase" in problem(f"amqps://h/?certfile={authorities.ours.certificate}&keyfile={locked}")


@pytest.mark.parametrize(
    "option", ["no_verify_ssl=1", "ssl_cert_reqs=none", "ssl_check_hostname=false", "verify=0", "capath=/x"]
)
@pytest.mark.parametrize("scheme", ["amqps", "https", "rediss", "s3+https"])
def test_no_option_turns_the_verification_off(scheme: str, option: str) -> None:
    assert "always verified" in problem(f"{scheme}://h/?{option}")


@pytest.mark.parametrize("scheme", ["amqp", "http", "redis", "s3+http"])
def test_an_authority_for_a_connection_in_clear_is_a_mistake(scheme: str) -> None:
    assert f"{scheme}:// does not encrypt: {scheme}s:// does" in problem(f"{scheme}://h/?cafile=/ca.pem")


@pytest.mark.parametrize("url", ["amqp://h/", "redis://h/0", "s3+http://k:s@h", "https://h", "rediss://h/0"])
def test_a_url_that_states_nothing_reads_no_file(url: str) -> None:
    check(url, VARIABLE)


def test_a_name_with_blanks_is_percent_encoded() -> None:
    assert Trust.from_url("amqps://h/?cafile=/my%20ca.pem").cafile == "/my ca.pem"


def test_other_options_stay() -> None:
    assert without_options("rediss://u:p%2F@h:1/2?protocol=3&cafile=/x") == "rediss://u:p%2F@h:1/2?protocol=3"


def test_authorities_are_told_without_what_stands_beside_them(tmp_path: Path, authorities: Authorities) -> None:
    ours, stranger = (files.authority.read_text() for files in (authorities.ours, authorities.stranger))
    file = tmp_path / "all.pem"
    file.write_bytes("# Müller's\n".encode() + f"{ours}{authorities.ours.key.read_text()}\n{stranger}".encode())
    told = Trust("https", cafile=str(file)).authorities()
    assert told == ours + stranger
    file.write_text(told)
    assert len(Trust("https", cafile=str(file)).context().get_ca_certs()) == 2


def test_authorities_that_are_none_are_named(tmp_path: Path, authorities: Authorities) -> None:
    for file, problem in ((authorities.ours.key, "not a certificate"), (tmp_path / "none.pem", "cannot be read")):
        with pytest.raises(EnvironmentProblemError, match=f"{file}: {problem}"):
            Trust("https", cafile=str(file)).authorities()


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("rediss://u:p%2F@h:1/2?cafile=%2Fx%20y&protocol=3", "rediss://u:p%2F@h:1/2?cafile=/ca.crt&protocol=3"),
        ("s3+https://k:s@h?prefix=a-&certfile=/c", "s3+https://k:s@h?prefix=a-&certfile=/c"),
        ("", ""),
    ],
)
def test_only_a_url_that_states_an_authority_has_it_elsewhere(url: str, expected: str) -> None:
    assert with_cafile(url, "/ca.crt") == expected
