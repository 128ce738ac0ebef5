"""Which server plays which port: by URL, and no URL's credentials are ever shown."""

import pytest
from pydantic import SecretStr

from aios.errors import EnvironmentProblemError
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


def test_settings_do_not_print_what_is_secret() -> None:
    assert "hunter2" not in repr(settings(broker_url="amqp://u:hunter2@127.0.0.1"))
