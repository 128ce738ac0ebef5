"""The mirror is late at most: in whatever order answers and events come in, the newest stays and nothing dead rises."""

import asyncio
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from aios.adapters.kubernetes.api import ConflictingWriteError, Manifest
from aios.adapters.kubernetes.connection import Connection, Request
from aios.adapters.kubernetes.mirror import Mirror, MirroredApi

KEY = ("Model", "n", "x")


class Clock:
    def __init__(self) -> None:
        self.time = 0.0

    def monotonic(self) -> float:
        return self.time

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.time, UTC)

    async def sleep(self, seconds: float) -> None:
        raise AssertionError(f"a mirror sleeps for nobody, not for {seconds} s")


def body(version: int, kind: str = "Model") -> Manifest:
    return {"kind": kind, "metadata": {"namespace": "n", "name": "x", "resourceVersion": str(version)}}


class Server(Connection):
    """Answers with `stored`; `meanwhile` happens while an answer is on its way."""

    def __init__(self) -> None:
        self.stored: Manifest | None = None
        self.refuses = False
        self.asked: list[str] = []
        self.meanwhile: Callable[[], object] = lambda: None

    async def send(self, request: Request) -> tuple[int, Mapping[str, Any]]:
        self.asked.append(request.method)
        answer = self.stored
        await asyncio.sleep(0)
        self.meanwhile()
        if self.refuses:
            return 409, {"message": "no"}
        return (200, answer) if answer is not None else (404, {})


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def mirror(clock: Clock) -> Mirror:
    made = Mirror(clock)
    made.watched("Model")
    return made


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
def api(server: Server, mirror: Mirror) -> MirroredApi:
    return MirroredApi(server, mirror)


async def test_a_second_read_asks_nobody_and_sees_what_was_told_since(
    api: MirroredApi, mirror: Mirror, server: Server
) -> None:
    server.stored = body(1)
    assert await api.get(*KEY) == body(1)
    mirror.saw(body(3))
    mirror.saw(body(2))
    assert await api.get(*KEY) == body(3)
    assert server.asked == ["GET"]


async def test_an_event_that_overtakes_an_answer_stays(api: MirroredApi, mirror: Mirror, server: Server) -> None:
    server.stored = body(1)
    server.meanwhile = lambda: mirror.saw(body(2))
    await api.get(*KEY)
    assert mirror.find(KEY) == body(2)


@pytest.mark.parametrize("write", [False, True])
async def test_what_was_deleted_while_an_answer_was_on_its_way_does_not_come_back(
    api: MirroredApi, mirror: Mirror, server: Server, *, write: bool
) -> None:
    server.stored = body(1)
    server.meanwhile = lambda: mirror.gone(body(2))
    await (api.apply(body(0)) if write else api.get(*KEY))
    assert mirror.find(KEY) is None


async def test_a_late_word_of_an_earlier_objects_end_does_not_touch_its_successor(
    api: MirroredApi, mirror: Mirror, server: Server
) -> None:
    server.stored = body(5)
    await api.get(*KEY)
    mirror.gone(body(4))
    assert mirror.find(KEY) == body(5)


async def test_absence_is_asked_for_each_time(api: MirroredApi, server: Server) -> None:
    assert await api.get(*KEY) is None
    server.stored = body(1)
    assert await api.get(*KEY) == body(1)


async def test_nothing_is_kept_of_what_nobody_asked_for(mirror: Mirror) -> None:
    mirror.saw(body(1))
    assert mirror.find(KEY) is None


async def test_an_answer_to_a_write_is_the_newest_there_is(api: MirroredApi, server: Server) -> None:
    server.stored = body(1)
    await api.get(*KEY)
    server.stored = body(2)
    await api.apply(body(0))
    assert await api.get(*KEY) == body(2)
    assert server.asked == ["GET", "PATCH"]


async def test_a_refused_write_forgets_what_it_was_based_on(api: MirroredApi, mirror: Mirror, server: Server) -> None:
    server.stored = body(1)
    await api.get(*KEY)
    server.refuses = True
    with pytest.raises(ConflictingWriteError):
        await api.apply(body(0))
    assert mirror.find(KEY) is None


async def test_a_deleted_or_patched_object_is_asked_for_anew(api: MirroredApi, mirror: Mirror, server: Server) -> None:
    server.stored = body(1)
    for change in (lambda: api.delete(*KEY), lambda: api.merge(*KEY, {"metadata": {}})):
        await api.get(*KEY)
        await change()
        assert mirror.find(KEY) is None


async def test_while_a_kind_is_not_watched_every_read_is_asked(
    api: MirroredApi, mirror: Mirror, server: Server
) -> None:
    server.stored = body(1)
    await api.get(*KEY)
    mirror.lost("Model")
    server.stored = body(2)
    assert await api.get(*KEY) == body(2)
    assert await api.get(*KEY) == body(2)
    assert server.asked == ["GET"] * 3
    mirror.watched("Model")
    await api.get(*KEY)
    await api.get(*KEY)
    assert server.asked == ["GET"] * 4


async def test_a_watch_that_is_lost_while_an_answer_is_on_its_way_spoils_it(
    api: MirroredApi, mirror: Mirror, server: Server
) -> None:
    server.stored = body(1)
    server.meanwhile = lambda: mirror.lost("Model")
    await api.get(*KEY)
    mirror.watched("Model")
    assert mirror.find(KEY) is None


async def test_what_nobody_watches_is_looked_at_again_before_long(
    api: MirroredApi, server: Server, clock: Clock
) -> None:
    server.stored = body(1, "ServiceAccount")
    await api.get("ServiceAccount", "n", "x")
    clock.time = 299
    await api.get("ServiceAccount", "n", "x")
    assert server.asked == ["GET"]
    clock.time = 301
    await api.get("ServiceAccount", "n", "x")
    assert server.asked == ["GET", "GET"]


async def test_a_lease_is_never_kept(api: MirroredApi, server: Server) -> None:
    server.stored = body(1, "Lease")
    for _ in range(2):
        await api.get("Lease", "n", "x")
    assert server.asked == ["GET", "GET"]
