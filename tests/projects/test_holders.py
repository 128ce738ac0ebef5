"""Installations that share services: who may say what by which name."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from aios.embedded.journal import SqliteJournal
from aios.errors import HeldElsewhereError, ServiceUnavailableError
from aios.naming import declared_stream
from aios.ports.journal import Record
from aios.projects.holders import KEPT_RECORDS, Holders, Installation
from aios.spec.base import Kind, Ref

TEAM, PROJECT = Ref(Kind.TEAM, "default", "software"), Ref(Kind.PROJECT, "default", "word-count")


@pytest.fixture
def journal(tmp_path: Path) -> SqliteJournal:
    return SqliteJournal(tmp_path / "journal.db")


@pytest.fixture
def here(journal: SqliteJournal) -> Holders:
    return Holders(journal, Installation("a", "here:/one"))


@pytest.fixture
def there(journal: SqliteJournal) -> Holders:
    return Holders(journal, Installation("b", "there:/two"))


async def test_two_that_say_the_same_hold_it_together(here: Holders, there: Holders) -> None:
    for holders in (here, there):
        await holders.declare({TEAM: "1", PROJECT: "1"}, known={})
        assert await holders.ours(TEAM)
        assert await holders.ours(PROJECT)


async def test_another_meaning_is_refused_naming_who_has_it_and_nothing_is_held(here: Holders, there: Holders) -> None:
    await here.declare({PROJECT: "1"}, known={})
    with pytest.raises(HeldElsewhereError, match=r"Project/default/word-count: another installation, here:/one,"):
        await there.declare({TEAM: "1", PROJECT: "2"}, known={})
    assert not await there.ours(TEAM)
    await here.declare({TEAM: "of its own"}, known={})


async def test_one_alone_changes_its_mind_as_often_as_it_likes(here: Holders, journal: SqliteJournal) -> None:
    for said in range(3 * KEPT_RECORDS):
        await here.declare({TEAM: str(said)}, known={})
    stream = declared_stream("default", "AgentTeam", "software")
    snapshot = await journal.snapshot(stream)
    assert snapshot is not None
    assert len(await journal.read(stream, after=snapshot.seq)) < KEPT_RECORDS


async def test_what_is_said_again_writes_nothing(here: Holders, journal: SqliteJournal) -> None:
    for _ in range(3):
        await here.declare({TEAM: "1"}, known={PROJECT: "1"})
    assert [await journal.head(stream) for stream in await journal.streams("declared/")] == [1, 1]


async def test_what_was_said_before_stays_held_though_it_was_changed_in_the_store(here: Holders) -> None:
    await here.declare({PROJECT: "as stated"}, known={})
    await here.declare({}, known={PROJECT: "cancelled since"})
    assert await here.ours(PROJECT)


async def test_one_of_two_may_not_change_what_both_mean(here: Holders, there: Holders) -> None:
    for holders in (here, there):
        await holders.declare({TEAM: "1"}, known={})
    with pytest.raises(HeldElsewhereError, match="there:/two"):
        await here.declare({TEAM: "2"}, known={})
    await there.release(TEAM)
    await here.declare({TEAM: "2"}, known={})


async def test_taking_over_ends_the_hold_of_all_others(here: Holders, there: Holders) -> None:
    await here.declare({TEAM: "1"}, known={})
    await there.declare({TEAM: "2"}, known={}, take_over="now")
    assert not await here.ours(TEAM)
    with pytest.raises(HeldElsewhereError, match="there:/two"):
        await here.declare({}, known={TEAM: "1"})


async def test_a_value_takes_over_once(here: Holders, there: Holders) -> None:
    await here.declare({TEAM: "1"}, known={})
    await there.declare({TEAM: "2"}, known={}, take_over="now")
    await here.declare({TEAM: "1"}, known={}, take_over="later")
    with pytest.raises(HeldElsewhereError, match="here:/one"):
        await there.declare({TEAM: "2"}, known={}, take_over="now")


async def test_what_is_taken_over_is_what_is_wanted_and_nothing_beside_it(here: Holders, there: Holders) -> None:
    await here.declare({TEAM: "1", PROJECT: "1"}, known={})
    with pytest.raises(HeldElsewhereError, match="Project/default/word-count"):
        await there.declare({TEAM: "2"}, known={PROJECT: "2"}, take_over="now")
    assert await here.ours(TEAM)
    await there.declare({}, known={PROJECT: "2"}, take_over="now")
    assert not await here.ours(PROJECT)


async def test_a_removal_is_for_the_last_who_declares_it(here: Holders, there: Holders) -> None:
    for holders in (here, there):
        await holders.declare({PROJECT: "1"}, known={})
    assert [holder.where for holder in await here.begin_removal(PROJECT)] == ["there:/two"]
    assert not await here.ours(PROJECT)
    assert await there.begin_removal(PROJECT) == ()


async def test_during_a_removal_others_wait_for_the_name(here: Holders, there: Holders) -> None:
    await here.declare({PROJECT: "1"}, known={})
    assert await here.begin_removal(PROJECT) == ()
    with pytest.raises(ServiceUnavailableError, match="here:/one, removes what it had"):
        await there.declare({PROJECT: "1"}, known={})
    await here.release(PROJECT)
    await there.declare({PROJECT: "1"}, known={})


async def test_a_compacted_stream_keeps_removals_and_what_took_over(here: Holders, there: Holders) -> None:
    await there.declare({PROJECT: "0"}, known={}, take_over="now")
    await here.declare({PROJECT: "0"}, known={}, take_over="then")
    for said in range(KEPT_RECORDS + 3):
        await here.declare({PROJECT: str(said)}, known={})
    await here.begin_removal(PROJECT)
    with pytest.raises(ServiceUnavailableError):
        await there.declare({PROJECT: "other"}, known={}, take_over="now")


async def test_of_two_at_once_one_is_refused(here: Holders, there: Holders) -> None:
    ends = await asyncio.gather(
        here.declare({TEAM: "1"}, known={}), there.declare({TEAM: "2"}, known={}), return_exceptions=True
    )
    assert [type(end) for end in ends].count(HeldElsewhereError) == 1


class _Failing(SqliteJournal):
    """A journal that is away for one stream, and slow with the others."""

    async def append(self, stream: str, expected_seq: int, records: Sequence[Record]) -> int:
        if stream.endswith("software"):
            raise ServiceUnavailableError("away")
        await asyncio.sleep(0.05)
        return await super().append(stream, expected_seq, records)


async def test_nothing_is_held_any_more_once_a_declaration_has_failed(tmp_path: Path) -> None:
    holders = Holders(_Failing(tmp_path / "journal.db"), Installation("a", "here:/one"))
    before = asyncio.all_tasks()
    with pytest.raises(ServiceUnavailableError):
        await holders.declare({TEAM: "1", PROJECT: "1"}, known={})
    assert asyncio.all_tasks() == before
    await asyncio.sleep(0.1)
    assert not await holders.ours(PROJECT)
