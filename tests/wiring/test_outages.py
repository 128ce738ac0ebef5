"""A service that is away is told once, with its reason, and once that everything answers again."""

import asyncio
from pathlib import Path

import pytest

from aios.errors import (
    CredentialsRefusedError,
    DiskFullError,
    EnvironmentProblemError,
    NotFoundError,
    ServiceUnavailableError,
    TlsRefusedError,
)
from aios.wiring.instrument import as_they_are
from aios.wiring.outages import FORGOTTEN_SECONDS, Outages
from aios.wiring.services import Services

AWAY = "the store at 127.0.0.1:1 does not answer"
STORE = Services(objects="s3+http://key:secret@127.0.0.1:1", journal="s3+http://key:secret@127.0.0.1:1")
SILENT = 0.05


class Shaky:
    """A port that answers while it is up; `queues` while the management is, too."""

    up = True
    managed = True

    def __init__(self) -> None:
        # Each its own: what is told is noted on the error itself.
        self.error: Exception = ServiceUnavailableError(AWAY)
        self.refusal: Exception = ServiceUnavailableError("the management does not answer")
        self.frozen = asyncio.Event()
        self.frozen.set()

    async def ask(self) -> str:
        await self.frozen.wait()
        if not self.up:
            raise self.error
        return "yes"

    async def queues(self) -> None:
        if not self.managed:
            raise self.refusal

    async def delete_queue(self) -> None:
        await self.queues()

    async def ensure_queue(self) -> None:
        await self.queues()


class Told:
    """What was told, in order, and waiting for it."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._news = asyncio.Event()

    def __call__(self, line: str) -> None:
        self.lines.append(line)
        self._news.set()

    async def news(self) -> str:
        async with asyncio.timeout(30):
            await self._news.wait()
        self._news.clear()
        return self.lines[-1]


async def failing(port: Shaky) -> bool:
    try:
        await port.ask()
    except ServiceUnavailableError:
        return True
    return False


async def test_an_outage_is_told_once_and_its_end_once() -> None:
    told: list[str] = []
    inner = Shaky()
    port = Outages(told.append).instrument(as_they_are)("journal", inner)
    assert await port.ask() == "yes"
    inner.up = False
    assert [await failing(port) for _ in range(3)] == [True] * 3
    inner.up = True
    assert await port.ask() == "yes"
    assert told == [AWAY, ""]


async def test_ports_of_one_service_tell_its_outage_once_and_its_end_when_all_answer() -> None:
    told: list[str] = []
    instrument = Outages(told.append).instrument(as_they_are)
    inner = Shaky()
    sessions, leases = instrument("sessions", inner), instrument("leases", inner)
    inner.up = False
    assert await failing(sessions)
    assert await failing(leases)
    inner.up = True
    await sessions.ask()
    assert len(told) == 1
    await leases.ask()
    assert told[1:] == [""]


async def test_a_management_that_is_away_while_the_broker_answers_is_told_once() -> None:
    told: list[str] = []
    inner = Shaky()
    admin = Outages(told.append).instrument(as_they_are)("broker_admin", inner)
    inner.managed = False
    for _ in range(3):
        with pytest.raises(ServiceUnavailableError):
            await admin.queues()
        await admin.ask()
    inner.managed = True
    await admin.queues()
    assert told == ["the management does not answer", ""]


async def test_a_server_that_stays_silent_is_told_before_the_call_fails_and_without_credentials() -> None:
    told, inner = Told(), Shaky()
    store = Outages(told, STORE, silent_after=SILENT).instrument(as_they_are)("objects", inner)
    inner.frozen.clear()
    asking = asyncio.create_task(store.ask())
    line = await told.news()
    assert line.startswith("no answer from s3+http://127.0.0.1:1 (AIOS_OBJECTS_URL) for")
    assert not asking.done()
    inner.frozen.set()
    assert await asking == "yes"
    assert told.lines == [line, ""]


async def test_one_slow_call_of_a_server_that_answers_others_is_no_outage() -> None:
    now = 0.0
    told, slow, quick = Told(), Shaky(), Shaky()
    outages = Outages(told, STORE, silent_after=SILENT, now=lambda: now)
    put, get = (outages.instrument(as_they_are)("objects", port) for port in (slow, quick))
    slow.frozen.clear()
    asking = asyncio.create_task(put.ask())
    await asyncio.sleep(0)
    for _ in range(5):
        now += SILENT * 0.9
        await get.ask()
        await asyncio.sleep(SILENT * 1.5)  # the watch looks at least once meanwhile
    assert told.lines == []
    slow.frozen.set()
    await asking


async def test_a_twin_that_takes_long_is_no_outage() -> None:
    told, inner = Told(), Shaky()
    twin = Outages(told, Services(), silent_after=0.0).instrument(as_they_are)("objects", inner)
    inner.frozen.clear()
    asking = asyncio.create_task(twin.ask())
    await asyncio.sleep(SILENT)
    inner.frozen.set()
    await asking
    assert told.lines == []


async def test_an_answer_that_nothing_is_there_ends_an_outage() -> None:
    told: list[str] = []
    inner = Shaky()
    port = Outages(told.append).instrument(as_they_are)("objects", inner)
    inner.up = False
    assert await failing(port)
    inner.error = NotFoundError("no such object")
    with pytest.raises(NotFoundError):
        await port.ask()
    assert told == [AWAY, ""]


async def test_a_failed_call_that_nobody_repeats_is_forgotten_once_its_service_answers_others() -> None:
    now, told, inner = 0.0, list[str](), Shaky()
    outages = Outages(told.append, STORE, now=lambda: now)
    port = outages.instrument(as_they_are)("objects", inner)
    inner.up = False
    assert await failing(port)
    await port.queues()
    assert told == [f"{AWAY} (AIOS_OBJECTS_URL)"]
    now += FORGOTTEN_SECONDS + 1
    await port.queues()
    assert told[1:] == [""]


@pytest.mark.parametrize(
    ("port", "url", "variable"),
    [
        ("broker", {"broker": "amqp://me:secret@127.0.0.1:1"}, "AIOS_BROKER_URL"),
        ("broker_admin", {"broker": "amqp://me:secret@127.0.0.1:1"}, "AIOS_BROKER_URL"),
        (
            "journal_objects",
            {"objects": "s3+http://k:secret@a:1", "journal": "s3+http://k:secret@a:1"},
            "AIOS_OBJECTS_URL",
        ),
        (
            "journal_objects",
            {"objects": "s3+http://k:secret@a:1", "journal": "s3+http://k:secret@b:1"},
            "AIOS_JOURNAL_URL",
        ),
        ("leases", {"sessions": "redis://:secret@127.0.0.1:1"}, "AIOS_SESSIONS_URL"),
        ("knowledge", {"knowledge": "http://:secret@127.0.0.1:1"}, "AIOS_KNOWLEDGE_URL"),
    ],
)
async def test_what_is_told_names_the_variable_once(port: str, url: dict[str, str], variable: str) -> None:
    told, inner = list[str](), Shaky()
    listened = Outages(told.append, Services(**url)).instrument(as_they_are)(port, inner)
    inner.up, inner.error = False, ServiceUnavailableError("connection refused")
    assert await failing(listened)
    inner.up = True
    await listened.ask()
    inner.up, inner.error = False, ServiceUnavailableError(f"refused: look at {variable}")
    assert await failing(listened)
    assert told == [f"connection refused ({variable})", "", f"refused: look at {variable}"]


async def test_an_embedder_that_is_away_is_told_and_hides_nobody_elses_return() -> None:
    told, inner, other = list[str](), Shaky(), Shaky()
    stated = Services(objects="s3+http://k:s@127.0.0.1:1", embeddings="ollama+http://127.0.0.1:1/nomic")
    instrument = Outages(told.append, stated).instrument(as_they_are)
    embedder, store = instrument("embeddings", inner), instrument("objects", other)
    inner.up = other.up = False
    inner.error = ServiceUnavailableError("embedder: nothing answers")
    assert await failing(embedder)
    assert await failing(store)
    other.up = True
    await store.ask()
    gone = "embedder: nothing answers (AIOS_EMBEDDINGS_URL); memories are searched by their words alone meanwhile"
    assert told == [gone, f"{AWAY} (AIOS_OBJECTS_URL)", ""]


async def test_a_memory_that_does_not_let_us_in_ends_nothing() -> None:
    told, inner = list[str](), Shaky()
    outages = Outages(told.append, Services(knowledge="http://:key@127.0.0.1:1"))
    port = outages.instrument(as_they_are)("knowledge", inner)
    inner.up, inner.error = False, CredentialsRefusedError("refuses the API key")
    assert await failing(port)
    assert await outages.admitted(asyncio.sleep(SILENT, "went on")) == "went on"
    assert told == ["refuses the API key (AIOS_KNOWLEDGE_URL)"]


@pytest.mark.parametrize("refusal", [CredentialsRefusedError("no management"), TlsRefusedError("no management")])
async def test_a_management_that_does_not_let_us_in_ends_nothing(refusal: Exception) -> None:
    told, inner = list[str](), Shaky()
    outages = Outages(told.append)
    admin = outages.instrument(as_they_are)("broker_admin", inner)
    inner.managed, inner.refusal = False, refusal
    for call in (admin.queues, admin.delete_queue):
        with pytest.raises(ServiceUnavailableError):
            await call()
    assert await outages.admitted(asyncio.sleep(SILENT, "went on")) == "went on"
    assert told == ["no management"]


async def test_a_broker_that_does_not_let_us_in_ends_the_process_when_a_queue_is_needed() -> None:
    inner = Shaky()
    outages = Outages(lambda line: None)
    admin = outages.instrument(as_they_are)("broker_admin", inner)
    inner.managed, inner.refusal = False, CredentialsRefusedError("refuses the password")
    with pytest.raises(ServiceUnavailableError):
        await admin.ensure_queue()
    with pytest.raises(EnvironmentProblemError, match="refuses the password"):
        await outages.admitted(asyncio.sleep(10))


async def test_credentials_that_were_never_taken_end_the_process_and_renewed_ones_do_not() -> None:
    for taken_before in (False, True):
        inner = Shaky()
        outages = Outages(lambda line: None, STORE)
        port = outages.instrument(as_they_are)("objects", inner)
        if taken_before:
            await port.ask()
        inner.up, inner.error = False, CredentialsRefusedError("refuses the key in AIOS_OBJECTS_URL")
        assert await failing(port)
        if taken_before:
            assert await outages.admitted(asyncio.sleep(SILENT, "went on")) == "went on"
        else:
            with pytest.raises(EnvironmentProblemError, match="AIOS_OBJECTS_URL"):
                await outages.admitted(asyncio.sleep(10))


async def test_a_full_disk_is_told_once_however_many_files_lie_on_it(tmp_path: Path) -> None:
    told, ports = list[str](), [Shaky() for _ in range(3)]
    instrument = Outages(told.append).instrument(as_they_are)
    listened = [instrument(name, port) for name, port in zip(("journal", "sessions", "objects"), ports, strict=True)]
    for number, port in enumerate(ports):
        port.up, port.error = False, DiskFullError(tmp_path / f"missing/{number}.db", "database or disk is full")
    for one in (*listened, *listened):
        assert await failing(one)
    assert told == [f"{tmp_path}/missing/0.db: database or disk is full; free some space on its disk"]
    for port in ports:
        port.up = True
    for one in listened:
        await one.ask()
    assert told[1:] == [""]


async def test_two_full_disks_are_told_each() -> None:
    told, inner = list[str](), Shaky()
    port = Outages(told.append).instrument(as_they_are)("objects", inner)
    inner.up = False
    for place in ("/proc/version", "/sys/kernel"):
        inner.error = DiskFullError(place, "No space left on device")
        assert await failing(port)
    assert len(told) == 2


async def test_a_server_that_was_away_and_then_refuses_us_is_told_again() -> None:
    told, inner = list[str](), Shaky()
    port = Outages(told.append, STORE).instrument(as_they_are)("objects", inner)
    await port.ask()
    inner.up = False
    assert await failing(port)
    inner.error = CredentialsRefusedError("refuses the key in AIOS_OBJECTS_URL")
    assert await failing(port)
    assert await failing(port)
    assert told == [f"{AWAY} (AIOS_OBJECTS_URL)", "refuses the key in AIOS_OBJECTS_URL"]


async def test_the_error_itself_names_the_variable_and_no_credentials() -> None:
    inner = Shaky()
    port = Outages(lambda line: None, STORE).instrument(as_they_are)("objects", inner)
    inner.up = False
    with pytest.raises(ServiceUnavailableError) as caught:
        await port.ask()
    assert str(caught.value) == f"{AWAY} (AIOS_OBJECTS_URL)"
