"""Which state folder a command reads in, and what it says where there is none."""

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from aios.cli.state import existing, to_read
from aios.embedded.state_folder import StateFolder
from aios.errors import NotFoundError
from aios.wiring.services import Services
from tests.cli.console import aios

ALL = Services(broker="amqp://broker", objects="s3+http://objects", sessions="redis://sessions")


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory: nothing is in it, and no state folder above it."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_state_folder_that_is_found_is_read_whatever_services_are_stated(here: Path) -> None:
    folder = StateFolder(here / ".aios")
    folder.open()
    for services in (Services(), ALL):
        found = to_read(None, services)
        assert found is not None
        assert found.path == folder.path


def test_services_alone_are_read_only_where_all_are_stated() -> None:
    assert to_read(None, ALL) is None
    with pytest.raises(NotFoundError, match="AIOS_SESSIONS_URL") as refused:
        to_read(None, replace(ALL, sessions=""))
    assert "AIOS_BROKER_URL" not in str(refused.value), "it is stated"


def test_secrets_without_a_state_folder_around_them_are_no_state_folder(here: Path) -> None:
    (here / ".aios" / "secrets").mkdir(parents=True)
    assert to_read(None, ALL) is None


def test_a_state_folder_that_is_named_is_never_replaced_by_services(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(NotFoundError, match="no state folder nowhere"):
        to_read(Path("nowhere"), ALL)
    monkeypatch.setenv("AIOS_STATE_DIR", str(here / "nowhere"))
    with pytest.raises(NotFoundError, match="no state folder nowhere"):
        to_read(None, ALL)


def test_without_either_both_ways_are_named_and_the_command_to_type_on_a_cluster(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "argv", ["aios", "workspace", "cat", "word-count", "a file", "-n", "blue"])
    with pytest.raises(NotFoundError) as refused:
        to_read(None, Services())
    said = str(refused.value)
    for words in ("-C DIR", "AIOS_BROKER_URL, AIOS_OBJECTS_URL, AIOS_SESSIONS_URL"):
        assert words in said
    assert said.endswith("deploy/aios-engine -- aios workspace cat word-count 'a file' -n blue")
    assert "aios up PATH" not in said


def test_what_needs_declarations_says_so_and_how_a_cluster_is_asked() -> None:
    with pytest.raises(NotFoundError) as refused:
        existing(None)
    for words in ("-C DIR", "--context", "kubectl"):
        assert words in str(refused.value)


def test_reading_commands_refuse_with_both_ways(here: Path) -> None:
    for words in (("logs", "greeting"), ("workspace", "ls", "greeting"), ("logs", "greeting", "-f")):
        refused = aios(*words, cwd=here)
        assert (refused.code, refused.out) == (1, "")
        assert f"-- aios {' '.join(words)}\n" in refused.err
