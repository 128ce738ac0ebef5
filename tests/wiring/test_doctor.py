"""`aios doctor` accuses nobody for the time that its own libraries take to load, and reports whatever anybody does."""

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest
from aiohttp import web

from aios.embedded.state_folder import StateFolder
from aios.ports.probe import Probe
from aios.wiring import doctor
from aios.wiring.credentials import FoundCredentials
from aios.wiring.doctor import Finding, Verdict, examine
from aios.wiring.services import Services
from tests.cli.console import environment
from tests.desired.building import member, project, team
from tests.servers.answering import Handler, answering

ASKED = """
import asyncio, sys
from pathlib import Path
from aios.embedded.state_folder import StateFolder
from aios.ports.probe import Probe
from aios.wiring import doctor
from aios.wiring.credentials import FoundCredentials
from aios.wiring.services import Services

LIBRARIES = ("aio_pika", "minio", "redis.asyncio", "qdrant_client", "ollama")
services = Services(
    broker="amqp://127.0.0.1:1", objects="s3+http://127.0.0.1:1", sessions="redis://127.0.0.1:1/0",
    knowledge="http://127.0.0.1:1", embeddings="ollama+http://127.0.0.1:1/nomic",
)
assert not any(name in sys.modules for name in LIBRARIES), "the command itself starts without them"

async def ask() -> Probe:
    print(*(name for name in LIBRARIES if name not in sys.modules))
    return Probe("it", "1", 0.0)

doctor._services = lambda _: (("broker", services.broker, ask),)
asyncio.run(doctor.examine(StateFolder(Path("nowhere")), services, (), FoundCredentials(state=Path("nowhere"))))
"""


def test_libraries_are_loaded_before_anybody_is_asked() -> None:
    ran = subprocess.run(
        [sys.executable, "-c", ASKED], capture_output=True, text=True, check=False, timeout=60, env=environment()
    )
    assert (ran.returncode, ran.stdout.strip()) == (0, ""), ran.stderr


async def _page(_: web.Request) -> web.Response:
    return web.Response(text="<html>Welcome</html>", content_type="text/html")


async def _examined(folder: Path, services: Services) -> dict[str, Finding]:
    found = await examine(StateFolder(folder), services, (), FoundCredentials())
    return {one.subject: one for one in found}


async def test_a_web_page_is_neither_a_memory_nor_an_embedder_and_the_rest_is_reported(tmp_path: Path) -> None:
    async with answering(_page) as where:
        services = Services(
            knowledge=f"http://:hunter2@{where}/qdrant", embeddings=f"openai+http://:hunter2@{where}/v1/some"
        )
        found = await _examined(tmp_path, services)
    assert (found["knowledge"].verdict, found["embeddings"].verdict) == (Verdict.PROBLEM, Verdict.PROBLEM)
    assert f"Qdrant at http://{where}/qdrant: what answers there is not Qdrant" in found["knowledge"].text
    assert "0 vectors for 1 texts" in found["embeddings"].text
    assert found["broker"].verdict is Verdict.EMBEDDED
    assert "hunter2" not in str(found)


def _embedding(vector: list[float]) -> Handler:
    async def answer(request: web.Request) -> web.Response:
        if request.path == "/v1/models":
            return web.json_response({"data": [{"id": "some"}]})
        assert (request.path, (await request.json())["input"]) == ("/v1/embeddings", ["word"])
        return web.json_response({"data": [{"index": 0, "embedding": vector}]})

    return answer


@pytest.mark.parametrize(
    ("vector", "verdict", "said"),
    [([0.5] * 3, Verdict.WELL, "vectors of 3 numbers"), ([0.0], Verdict.PROBLEM, "name a model that embeds")],
)
async def test_an_embedder_that_speaks_openais_protocol_embeds_a_word(
    tmp_path: Path, vector: list[float], verdict: Verdict, said: str
) -> None:
    async with answering(_embedding(vector)) as where:
        found = await _examined(tmp_path, Services(embeddings=f"openai+http://{where}/v1/some"))
    assert found["embeddings"].verdict is verdict
    assert said in found["embeddings"].details[-1]


async def test_an_embedder_that_takes_its_time_is_said_not_to_have_been_tried(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "EMBEDDING_PATIENCE", 0.1)
    done = asyncio.Event()

    async def answer(request: web.Request) -> web.Response:
        if request.path != "/v1/models":
            await done.wait()
        return web.json_response({"data": [{"id": "some"}]})

    async with answering(answer) as where:
        found = await _examined(tmp_path, Services(embeddings=f"openai+http://{where}/v1/some"))
        done.set()
    assert found["embeddings"].verdict is Verdict.WELL
    assert "whether it embeds was not seen" in found["embeddings"].details[-1]


async def test_what_nobody_foresaw_is_a_finding_that_shows_no_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = "redis://:hun%2Fter2@127.0.0.1:1/0"

    async def ask() -> Probe:
        raise KeyError(f"{url} or hun/ter2")

    monkeypatch.setattr(doctor, "_services", lambda _: (("sessions", url, ask),))
    found = (await _examined(tmp_path, Services()))["sessions"]
    assert found.verdict is Verdict.PROBLEM
    assert found.text.startswith("redis://127.0.0.1:1/0: KeyError: ")
    assert "ter2" not in found.text


async def test_programs_that_members_and_checks_need_are_looked_up_and_one_not_here_is_no_failure(
    tmp_path: Path,
) -> None:
    linter = "a-linter-of-nobody"
    lint = {"name": "lint", "instructions": "Lint.", "check": {"run": [linter, "check"]}}
    found = await examine(
        StateFolder(tmp_path),
        Services(),
        (),
        FoundCredentials(),
        teams=[team(member(run={"allow": ["sh", linter]}))],
        projects=[project(tasks=[lint])],
    )
    told = {one.subject: one for one in found if one.subject.startswith("program ")}
    assert sorted(told) == [f"program {linter}", "program sh"]
    assert (told["program sh"].verdict, told["program sh"].text.split()[0][-3:]) == (Verdict.WELL, "/sh")
    missing = told[f"program {linter}"]
    assert missing.verdict is Verdict.MISSING
    assert missing.text == ("not on this machine; needed by member developer of software, the check of word-count/lint")
    assert missing.details[0].startswith("looked in /")
