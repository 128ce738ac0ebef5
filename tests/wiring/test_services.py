"""Which server plays which port: by URL, and no URL's credentials are ever shown."""

import sys

import pytest
from pydantic import SecretStr

from aios.errors import EnvironmentProblemError, MissingExtraError
from aios.settings import Settings
from aios.wiring.ports import open_work_ports
from aios.wiring.services import Services, without_credentials


def settings(**urls: str) -> Settings:
    return Settings(**{name: SecretStr(url) for name, url in urls.items()})  # type: ignore[arg-type]  # by name


def test_without_urls_every_port_is_embedded() -> None:
    assert Services.from_settings(settings()) == Services()


def test_the_journal_is_where_the_objects_are_unless_stated() -> None:
    objects = "s3+http://k:s@127.0.0.1:9000"
    assert Services.from_settings(settings(objects_url=objects)).journal == objects
    both = Services.from_settings(settings(objects_url=objects, journal_url="s3+https://k:s@journal.example"))
    assert both.journal == "s3+https://k:s@journal.example"


@pytest.mark.parametrize(
    ("port", "url"),
    [
        ("broker", "http://127.0.0.1:5672"),
        ("objects", "s3://bucket"),
        ("sessions", "redis://"),
        ("knowledge", "127.0.0.1:6333"),
        ("objects", "s3+http://key:hunter2@127.0.0.1:port"),
        ("broker", "amqp://user:hunter2/x@127.0.0.1:5672"),
        ("sessions", "redis://:hunter2@127.0.0.1:6379/cache"),
    ],
)
def test_a_url_that_no_adapter_understands_is_refused_by_its_variable_and_not_repeated(port: str, url: str) -> None:
    with pytest.raises(EnvironmentProblemError, match=f"AIOS_{port.upper()}_URL") as refused:
        Services.from_settings(settings(**{f"{port}_url": url}))
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize(
    ("port", "url", "takes"),
    [
        ("objects", "s3+http://k:s@127.0.0.1:9000?regoin=eu", "region, prefix, cafile"),
        ("journal", "s3+https://k:s@127.0.0.1:9000?region=eu&cafil=ca.pem", "cafile, certfile, keyfile"),
        ("broker", "amqps://u:p@127.0.0.1/?hartbeat=5", "heartbeat, auth, name, cafile"),
        ("broker_admin", "http://u:p@127.0.0.1:15672?vhost=x", "cafile"),
        ("sessions", "redis://127.0.0.1:6379/0?databse=1", "db, client_name"),
        ("broker", "amqp://u:p@127.0.0.1/?timeout=9", "heartbeat, auth, name, cafile"),
        ("sessions", "redis://127.0.0.1:6379/0?protocol=3", "db, client_name"),
        ("knowledge", "http://127.0.0.1:6333?api_key=hunter2", "cafile"),
    ],
)
def test_an_option_that_nobody_reads_is_refused_with_those_there_are(port: str, url: str, takes: str) -> None:
    option = url.partition("?")[2].rpartition("&")[2].partition("=")[0]
    with pytest.raises(EnvironmentProblemError, match=rf'AIOS_{port.upper()}_URL: .*"{option}".*{takes}') as refused:
        Services.from_settings(settings(**{f"{port}_url": url}))
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize(
    ("port", "url"),
    [
        ("objects", "s3+http://k:s@127.0.0.1:9000?region=eu&prefix=a-"),
        ("broker", "amqp://u:p@127.0.0.1/?heartbeat=5&auth=plain&name=x"),
        ("sessions", "redis://127.0.0.1:6379?db=3&health_check_interval=10&socket_connect_timeout=1.5"),
        ("knowledge", "https://:key@127.0.0.1/behind/qdrant"),
    ],
)
def test_options_that_are_read_are_taken(port: str, url: str) -> None:
    assert getattr(Services.from_settings(settings(**{f"{port}_url": url})), port) == url


def test_what_follows_a_question_mark_in_a_password_is_not_repeated() -> None:
    with pytest.raises(EnvironmentProblemError, match="no such option") as refused:
        Services.from_settings(settings(objects_url="s3+http://key:123?hunter2@127.0.0.1:9000"))
    assert "hunter2" not in str(refused.value)


def test_a_password_that_is_not_percent_encoded_is_told_how_to_be() -> None:
    with pytest.raises(EnvironmentProblemError, match="percent-encoded"):
        Services.from_settings(settings(broker_url="amqp://user:hunter2/x@127.0.0.1:5672"))


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("amqp://user:pass@127.0.0.1:5672/aios", "amqp://127.0.0.1:5672/aios"),
        ("s3+http://KEY:SE%2FCRET@[::1]:9000?region=eu", "s3+http://[::1]:9000"),
        ("redis://:secret@cache/0", "redis://cache/0"),
        ("", ""),
    ],
)
def test_what_is_shown_of_a_url_holds_no_credentials(url: str, shown: str) -> None:
    assert without_credentials(url) == shown


def test_without_a_state_folder_the_missing_variables_are_named() -> None:
    with pytest.raises(EnvironmentProblemError, match="AIOS_OBJECTS_URL, AIOS_SESSIONS_URL"):
        open_work_ports(None, Services(broker="amqp://127.0.0.1"))


def test_a_module_that_is_missing_is_named_with_the_extra_that_brings_it(monkeypatch: pytest.MonkeyPatch) -> None:
    # As async_timeout is, which the client of Redis needs before Python 3.11.3, in an installation for a later one.
    monkeypatch.setitem(sys.modules, "redis.asyncio", None)
    monkeypatch.delitem(sys.modules, "aios.adapters.redis.leases", raising=False)
    urls = Services(broker="amqp://h", objects="s3+http://k:s@h", journal="s3+http://k:s@h", sessions="redis://h")
    with pytest.raises(MissingExtraError, match=r"module redis\.asyncio .*aios-operator\[services\]"):
        open_work_ports(None, urls)


def test_settings_do_not_print_what_is_secret() -> None:
    assert "hunter2" not in repr(settings(broker_url="amqp://u:hunter2@127.0.0.1"))


@pytest.mark.parametrize(
    ("port", "url", "said"),
    [
        ("objects_url", "s3+http://k:s@host:9000/bucket", r"AIOS_OBJECTS_URL has a path.*\?prefix="),
        ("objects_url", "s3+http://k:s@host:9000?prefix=A_b", "the option prefix begins the names of buckets"),
        (
            "sessions_url",
            "redis://host/0?max_connections=abc",
            "AIOS_SESSIONS_URL: the option max_connections is a whole",
        ),
        (
            "sessions_url",
            "redis://host/0?max_connections=1.5",
            "AIOS_SESSIONS_URL: the option max_connections is a whole",
        ),
        ("sessions_url", "redis://host?db=0.5", "AIOS_SESSIONS_URL: the option db is a whole number"),
        ("sessions_url", "redis://host?socket_connect_timeout=x", "the option socket_connect_timeout is a number"),
        *(
            (
                "broker_url",
                f"amqp://u:p@host/?heartbeat={wrong}",
                "heartbeat is a whole number of seconds from 1 to 65534",
            )
            for wrong in ("", "0", "-1", "2.5", "65535", "x")
        ),
    ],
)
def test_what_the_clients_would_pass_over_or_choke_on_is_refused(port: str, url: str, said: str) -> None:
    with pytest.raises(EnvironmentProblemError, match=said):
        Services.from_settings(settings(**{port: url}))


def test_two_prefixes_of_one_store_are_two_places() -> None:
    one, two = (Services(journal=f"s3+http://k:s@host:9000?region=eu&prefix={name}-") for name in ("a", "b"))
    assert one.truth()["journal"] == "s3+http://host:9000?prefix=a-"
    assert one.truth() != two.truth()
