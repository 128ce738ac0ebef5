"""What only the laptop's store does: events, and objects that it can no longer read."""

import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from aios.embedded.resources import EVENTS_KEPT, SqliteResources
from aios.errors import InvalidSpecError
from aios.spec.base import ConfigMap, Kind, ObjectMeta, Ref

REF = Ref(Kind.CONFIG_MAP, "default", "scripts")


class _Clock:
    """A clock that moves by a second with every look."""

    def __init__(self) -> None:
        self.time = datetime(2026, 1, 1, tzinfo=UTC)

    def monotonic(self) -> float:
        return self.time.timestamp()

    def now(self) -> datetime:
        self.time += timedelta(seconds=1)
        return self.time

    async def sleep(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)


async def test_same_event_is_counted_not_added(tmp_path: Path) -> None:
    resources = SqliteResources(tmp_path / "resources.db", clock=_Clock())
    await resources.apply(ConfigMap(metadata=ObjectMeta(name="scripts")))
    for message in ("one", "two", "one", "one"):
        await resources.record_event(REF, kind="Warning", reason="Why", message=message)
    events = await resources.events(REF)
    assert [(event.message, event.count) for event in events] == [("two", 1), ("one", 3)]
    assert events[1].last_at - events[1].first_at == timedelta(seconds=3)
    await resources.delete(REF)
    assert list(await resources.events(REF)) == []
    await resources.close()


async def test_events_of_an_object_are_bounded(tmp_path: Path) -> None:
    resources = SqliteResources(tmp_path / "resources.db", clock=_Clock())
    for number in range(EVENTS_KEPT + 20):
        await resources.record_event(REF, kind="Normal", reason="Why", message=str(number))
    messages = [event.message for event in await resources.events(REF)]
    assert messages == [str(number) for number in range(20, EVENTS_KEPT + 20)]
    await resources.close()


async def test_object_that_cannot_be_read_is_named_and_hides_no_other(tmp_path: Path) -> None:
    resources = SqliteResources(tmp_path / "resources.db")
    await resources.apply(ConfigMap(metadata=ObjectMeta(name="other")))
    await resources.apply(ConfigMap(metadata=ObjectMeta(name="scripts"), data={"a": "b"}))
    outside = sqlite3.connect(tmp_path / "resources.db", timeout=10)
    outside.execute("""UPDATE objects SET document = replace(document, '"b"', '7')""")
    outside.commit()
    outside.close()
    with pytest.raises(InvalidSpecError, match="ConfigMap/default/scripts as stored cannot be read"):
        await resources.get(REF)
    assert [one.metadata.name for one in await resources.list(Kind.CONFIG_MAP)] == ["other"]
    await resources.apply(ConfigMap(metadata=ObjectMeta(name="scripts"), data={"a": "b"}))
    assert await resources.get(REF) is not None, "applying it anew mends it"
    await resources.close()


async def test_what_was_deleted_is_known_until_it_is_there_again(tmp_path: Path) -> None:
    resources = SqliteResources(tmp_path / "resources.db")
    scripts = ConfigMap(metadata=ObjectMeta(name="scripts"))
    for _ in range(2):
        await resources.apply(scripts)
        assert await resources.gone() == []
        await resources.delete(REF)
        assert await resources.gone() == [REF]
    await resources.close()
