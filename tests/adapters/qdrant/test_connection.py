"""What the client's library would write past our logs stays unwritten, and what is no Qdrant is told as such."""

import os
import warnings
from pathlib import Path

import pytest
from aiohttp import web

from aios.adapters.qdrant.connection import QdrantServer
from aios.adapters.qdrant.knowledge import QdrantServerKnowledge
from aios.adapters.qdrant.probe import probe
from aios.errors import ServiceUnavailableError
from aios.ports.knowledge import Memory
from aios.spec.vocabulary import Privacy
from tests.servers.answering import answering
from tests.servers.qdrant import KEY, VARIABLE


async def test_a_key_without_tls_writes_nothing_to_stderr(qdrant_server: Path) -> None:
    del qdrant_server
    server = QdrantServer(os.environ[VARIABLE])
    assert KEY in os.environ[VARIABLE]
    with warnings.catch_warnings(record=True) as written:
        warnings.simplefilter("always")
        async with server.asked() as client:
            await client.get_collections()
    await server.close()
    # Whatever else is thrown away meanwhile may not have been closed.
    assert [one.message for one in written if not issubclass(one.category, ResourceWarning)] == []


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ("<html>Welcome</html>", "text/html"),
        ("", "text/plain"),
        ("{}", "application/json"),
        ("[]", "application/json"),
        ("null", "application/json"),
        ('{"version": 3, "result": 7}', "application/json"),
    ],
)
async def test_a_server_that_is_no_qdrant_is_told_as_such(body: str, kind: str) -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(text=body, content_type=kind)

    async with answering(answer) as place:
        url = f"http://:hunter2@{place}"
        knowledge = QdrantServerKnowledge(url, "x")
        said = r"Qdrant at http://127\.0\.0\.1:\d+: what answers there is not Qdrant .*AIOS_KNOWLEDGE_URL"
        calls = (
            lambda: knowledge.remember("default", "web", Memory("x", Privacy.PUBLIC, "x")),
            lambda: knowledge.search("default", "web", Privacy.PUBLIC, "x"),
            lambda: knowledge.forget("default", "web"),
            lambda: probe(url),
        )
        for call in calls:
            with pytest.raises(ServiceUnavailableError, match=said) as refused:
                await call()
            assert "hunter2" not in str(refused.value)
        await knowledge.close()


async def test_a_path_in_the_url_is_where_the_server_is_asked() -> None:
    asked: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        asked.append(request.path)
        return web.json_response({"result": {"collections": []}, "status": "ok", "time": 0.0})

    async with answering(answer) as place:
        url = f"http://:hunter2@{place}"
        server = QdrantServer(f"{url}/behind/qdrant/")
        async with server.asked() as client:
            await client.get_collections()
        await server.close()
    assert asked == ["/behind/qdrant/collections"]
    assert server.address.endswith("/behind/qdrant")
