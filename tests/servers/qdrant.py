"""A stand-in for a Qdrant server: its REST protocol, as far as the real client uses it here, over its local mode.

The server itself can be had by no package manager, so this proves our requests and the client's, not the server. It
runs in a process of its own, so that the processes of contract tests reach it: `python -m tests.servers.qdrant PORT`.
"""

import json
import os
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from qdrant_client import QdrantClient, models

from tests.servers.process import ServerProcess, free_ports
from tests.servers.seaweedfs import listens

VARIABLE = "AIOS_TEST_QDRANT"
VERSION = "1.20.0"
KEY = "qdrant-test-key"
OLD = "old-"
"""Collections of such names are treated as by a server before 1.18, which adds no vectors to a collection."""
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def _said(result: object) -> web.Response:
    """As Qdrant wraps every answer."""
    dump = result.model_dump(mode="json") if hasattr(result, "model_dump") else result
    return web.json_response({"result": dump, "status": "ok", "time": 0.0})


class StandIn:
    """The endpoints. `log` gets one JSON line a search: what was asked."""

    def __init__(self, log: Path) -> None:
        self._client = QdrantClient(":memory:")
        self._log = log
        self._indexes: dict[str, dict[str, str]] = {}

    def routes(self) -> list[web.RouteDef]:
        one = "/collections/{name}"
        return [
            web.get("/", self._root),
            web.get("/collections", self._list),
            web.get(f"{one}/exists", self._exists),
            web.get(one, self._info),
            web.put(one, self._create),
            web.delete(one, self._drop),
            web.put(f"{one}/vectors/{{vector}}", self._add_vector),
            web.put(f"{one}/points/vectors", self._update_vectors),
            web.post(f"{one}/points/scroll", self._scroll),
            web.put(f"{one}/index", self._index),
            web.put(f"{one}/points", self._upsert),
            web.post(f"{one}/points/query", self._query),
            web.post(f"{one}/points/delete", self._delete),
        ]

    async def _root(self, _: web.Request) -> web.Response:
        return web.json_response({"title": "qdrant (stand-in)", "version": VERSION})

    async def _list(self, _: web.Request) -> web.Response:
        return _said(self._client.get_collections())

    async def _exists(self, request: web.Request) -> web.Response:
        return _said({"exists": self._client.collection_exists(request.match_info["name"])})

    async def _create(self, request: web.Request) -> web.Response:
        name, asked = request.match_info["name"], models.CreateCollection.model_validate(await request.json())
        if self._client.collection_exists(name):
            return web.json_response({"status": {"error": f"Collection `{name}` already exists!"}}, status=409)
        self._client.create_collection(
            name, vectors_config=asked.vectors or {}, sparse_vectors_config=asked.sparse_vectors
        )
        return _said(True)

    async def _info(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        info = self._client.get_collection(name).model_dump(mode="json")
        indexes = self._indexes.get(name, {})
        return _said(
            {**info, "payload_schema": {key: {"data_type": kind, "points": 0} for key, kind in indexes.items()}}
        )

    async def _drop(self, request: web.Request) -> web.Response:
        self._indexes.pop(request.match_info["name"], None)
        return _said(self._client.delete_collection(request.match_info["name"]))

    async def _add_vector(self, request: web.Request) -> web.Response:
        if request.match_info["name"].startswith(OLD):
            return web.Response(status=404)
        asked = models.DenseVectorNameConfig.model_validate(await request.json())
        self._client.create_vector_name(request.match_info["name"], request.match_info["vector"], asked)
        return _said({"operation_id": 1, "status": "completed"})

    async def _update_vectors(self, request: web.Request) -> web.Response:
        asked = models.UpdateVectors.model_validate(await request.json())
        self._client.update_vectors(request.match_info["name"], asked.points)
        return _said({"operation_id": 1, "status": "completed"})

    async def _scroll(self, request: web.Request) -> web.Response:
        asked = models.ScrollRequest.model_validate(await request.json())
        points, following = self._client.scroll(
            request.match_info["name"], scroll_filter=asked.filter, limit=asked.limit or 10
        )
        return _said({"points": [point.model_dump(mode="json") for point in points], "next_page_offset": following})

    async def _index(self, request: web.Request) -> web.Response:
        asked = await request.json()
        self._indexes.setdefault(request.match_info["name"], {})[asked["field_name"]] = asked["field_schema"]
        return _said({"operation_id": 1, "status": "completed"})

    async def _upsert(self, request: web.Request) -> web.Response:
        asked = models.PointsList.model_validate(await request.json())
        self._client.upsert(request.match_info["name"], asked.points)
        return _said({"operation_id": 1, "status": "completed"})

    async def _query(self, request: web.Request) -> web.Response:
        body = await request.json()
        with self._log.open("a") as log:
            log.write(json.dumps(body) + "\n")
        asked = models.QueryRequest.model_validate(body)
        query: Any = asked.query
        found = self._client.query_points(
            request.match_info["name"],
            query=query.nearest if isinstance(query, models.NearestQuery) else query,
            prefetch=asked.prefetch,
            using=asked.using,
            limit=asked.limit or 10,
            query_filter=asked.filter,
            with_payload=True,
        )
        return _said(found)

    async def _delete(self, request: web.Request) -> web.Response:
        asked = models.FilterSelector.model_validate(await request.json())
        self._client.delete(request.match_info["name"], points_selector=asked)
        return _said({"operation_id": 1, "status": "completed"})


@web.middleware
async def with_key(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuses who has not the key, as a server that was given one does."""
    if request.headers.get("api-key") != KEY:
        return web.Response(status=403, text="Must provide an API key")
    return await handler(request)


@web.middleware
async def refusing(request: web.Request, handler: Handler) -> web.StreamResponse:
    """What local mode refuses, with the server's status."""
    try:
        return await handler(request)
    except ValueError as error:
        status = 404 if str(error).startswith("Collection ") else 400
        return web.json_response({"status": {"error": str(error)}}, status=status)


@contextmanager
def stand_in(folder: Path) -> Iterator[str]:
    """The URL of one that runs; what is searched there stands in `folder / "searches"`."""
    (port,) = free_ports(1)
    process = ServerProcess(
        Path(sys.executable),
        ["-m", "tests.servers.qdrant", str(port), str(folder / "searches")],
        log=folder / "qdrant.log",
    )
    try:
        process.wait_until(lambda: listens(port), what=f"the stand-in for Qdrant listens on {port}", within_seconds=60)
        yield f"http://:{KEY}@127.0.0.1:{port}"
    finally:
        process.stop()


@pytest.fixture(scope="session")
def qdrant_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The file with what was searched; the URL stands in the environment."""
    folder = tmp_path_factory.mktemp("qdrant")
    with stand_in(folder) as url:
        os.environ[VARIABLE] = url
        yield folder / "searches"
        del os.environ[VARIABLE]


if __name__ == "__main__":
    application = web.Application(middlewares=[with_key, refusing])
    application.add_routes(StandIn(Path(sys.argv[2])).routes())
    web.run_app(application, host="127.0.0.1", port=int(sys.argv[1]), print=None)
