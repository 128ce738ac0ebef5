"""A command that reads a service which is away says so in seconds, and ends; one that follows goes on by itself."""

import asyncio
import socket
from collections.abc import Iterator
from pathlib import Path
from subprocess import DEVNULL, STDOUT, Popen

import pytest

from aios.cli.waiting import Waiting
from aios.embedded.state_folder import StateFolder
from aios.errors import ServiceUnavailableError
from tests.acceptance.test_laptop import until
from tests.cli.console import command, environment

AWAY = "the object store at http://127.0.0.1:1: connection refused (AIOS_OBJECTS_URL)"
LONG = 60.0


@pytest.fixture
def frozen() -> Iterator[str]:
    """The URL of an object store that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"s3+http://key:secret@127.0.0.1:{server.getsockname()[1]}"


async def for_ever() -> None:
    await asyncio.Event().wait()


async def test_an_outage_that_lasts_is_said_and_ends_the_work(capfd: pytest.CaptureFixture[str]) -> None:
    waiting = Waiting(patience=0.2, said_after=0.05)
    waiting(AWAY)
    with pytest.raises(ServiceUnavailableError, match=r"connection refused \(AIOS_OBJECTS_URL\); given up after"):
        await waiting.bounded(for_ever())
    assert capfd.readouterr().err == f"waiting  {AWAY}\n"


async def test_an_outage_that_ends_is_said_and_the_work_goes_on(capfd: pytest.CaptureFixture[str]) -> None:
    waiting, back = Waiting(patience=LONG, said_after=0.0), asyncio.Event()

    async def work() -> str:
        waiting(AWAY)
        await asyncio.sleep(0.05)
        waiting("")
        back.set()
        return "done"

    assert await waiting.bounded(work()) == "done"
    assert capfd.readouterr().err.splitlines() == [f"waiting  {AWAY}", "served   every service answers again"]


async def test_who_waits_for_ever_is_not_ended_by_an_outage() -> None:
    waiting = Waiting(patience=None, said_after=0.0)
    waiting(AWAY)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(waiting.bounded(for_ever()), 0.2)


async def test_a_command_that_fails_at_once_says_it_once(capfd: pytest.CaptureFixture[str]) -> None:
    waiting = Waiting(said_after=LONG)

    async def work() -> None:
        waiting(AWAY)
        raise ServiceUnavailableError(AWAY)

    with pytest.raises(ServiceUnavailableError):
        await waiting.bounded(work())
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("words", [("logs", "greeting", "-f"), ("workspace", "ls", "greeting")])
def test_a_command_says_which_service_does_not_answer(words: tuple[str, ...], frozen: str, tmp_path: Path) -> None:
    StateFolder(tmp_path / ".aios").open()
    env = environment({"AIOS_OBJECTS_URL": frozen, "AIOS_STATE_DIR": str(tmp_path / ".aios")})
    said = tmp_path / "said"
    with said.open("w") as file:
        reading = Popen(command(*words), cwd=tmp_path, stdout=file, stderr=STDOUT, stdin=DEVNULL, env=env)
    try:
        until(lambda: "waiting  no answer from s3+http://127.0.0.1:" in said.read_text(), "a line that it waits")
        assert "(AIOS_OBJECTS_URL)" in said.read_text()
        assert reading.poll() is None
    finally:
        reading.kill()
        reading.wait()
