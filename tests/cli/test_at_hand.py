"""What `make demo` says next: the best of what is at hand, found without calling or spending anything."""

import socket

import pytest

from aios.cli.at_hand import installed, listens, models_at_hand
from aios.cli.demo import own_team
from aios.cli.init import Models

KEY = {"ANTHROPIC_API_KEY": "a-key"}


@pytest.mark.parametrize(
    ("environment", "ollama", "llama_cpp", "expected"),
    [
        (KEY, True, True, Models.CLAUDE),
        ({}, True, True, Models.OLLAMA),
        ({"ANTHROPIC_API_KEY": " "}, False, True, Models.LOCAL),
        ({}, False, False, Models.SCRIPTED),
    ],
)
def test_a_key_comes_before_a_daemon_before_a_library(
    environment: dict[str, str], ollama: bool, llama_cpp: bool, expected: Models
) -> None:
    found = models_at_hand(environment, listens=lambda _: ollama, installed=lambda _: llama_cpp)
    assert found is expected


def test_a_daemon_is_one_that_takes_connections() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = ("127.0.0.1", server.getsockname()[1])
        assert listens(address)
    assert not listens(address)


def test_a_library_is_looked_for_without_being_imported() -> None:
    assert installed("json")
    assert not installed("no_such_library_at_all")


@pytest.mark.parametrize(
    ("models", "command"),
    [
        (Models.SCRIPTED, "aios init my-team && aios up my-team"),
        (Models.CLAUDE, "aios init my-team --models claude && aios up my-team --once"),
        (Models.OLLAMA, "aios init my-team --models ollama && aios up my-team --once"),
        (Models.LOCAL, "aios init my-team --models local && aios up my-team --once"),
    ],
)
def test_the_next_command_is_exact_and_shows_no_key(models: Models, command: str) -> None:
    said, why = own_team(models)
    assert said == command
    assert "a-key" not in why
