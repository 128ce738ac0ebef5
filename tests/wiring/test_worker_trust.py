"""The authority of the services, on its way from the operator's disk to a team's pods."""

from pathlib import Path

import pytest

from aios.adapters.kubernetes.pod_services import AUTHORITY_FILE
from aios.errors import EnvironmentProblemError
from aios.wiring.worker_trust import with_authority
from tests.servers.tls import Authorities


def test_who_has_no_authority_of_its_own_is_told_nothing_new() -> None:
    urls = {"AIOS_BROKER_URL": "amqps://a:b@h/?heartbeat=5", "AIOS_JOURNAL_URL": ""}
    assert with_authority(urls) == urls


def test_pods_get_the_certificates_and_the_path_where_they_find_them(tmp_path: Path, authorities: Authorities) -> None:
    both = tmp_path / "both.pem"
    both.write_text(authorities.ours.authority.read_text() + authorities.ours.key.read_text())
    urls = {
        "AIOS_BROKER_URL": f"amqps://a:b@h/?cafile={both}",
        "AIOS_OBJECTS_URL": f"s3+https://a:b@h?prefix=x-&cafile={authorities.ours.authority}",
        "AIOS_SESSIONS_URL": "redis://h/0",
    }
    assert with_authority(urls) == {
        "AIOS_BROKER_URL": f"amqps://a:b@h/?cafile={AUTHORITY_FILE}",
        "AIOS_OBJECTS_URL": f"s3+https://a:b@h?prefix=x-&cafile={AUTHORITY_FILE}",
        "AIOS_SESSIONS_URL": "redis://h/0",
        "ca.crt": authorities.ours.authority.read_text(),
    }


def test_no_url_is_made_to_trust_the_authority_of_another(authorities: Authorities) -> None:
    urls = {
        "AIOS_BROKER_URL": f"amqps://a:b@h/?cafile={authorities.ours.authority}",
        "AIOS_SESSIONS_URL": f"rediss://h/0?cafile={authorities.stranger.authority}",
    }
    with pytest.raises(EnvironmentProblemError, match="AIOS_BROKER_URL, AIOS_SESSIONS_URL name different"):
        with_authority(urls)


def test_nobody_is_given_the_certificate_that_says_who_the_operator_is(authorities: Authorities) -> None:
    ours = authorities.ours
    url = f"rediss://h/0?cafile={ours.authority}&certfile={ours.certificate}&keyfile={ours.key}"
    with pytest.raises(EnvironmentProblemError, match="AIOS_SESSIONS_URL: certfile"):
        with_authority({"AIOS_SESSIONS_URL": url})
