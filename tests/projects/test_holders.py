"""Installations that share services: who may say what by which name."""

import asyncio
from pathlib import Path

import pytest

from aios.embedded.journal import SqliteJournal
from aios.errors import HeldElsewhereError
from aios.naming import declared_stream
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
    assert [head.seq for head in await journal.streams("declared/")] == [1, 1]


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
    await there.declare({TEAM: "2"}, known={}, take_over=True)
    assert not await here.ours(TEAM)
    with pytest.raises(HeldElsewhereError, match="there:/two"):
        await here.declare({}, known={TEAM: "1"})


async def test_release_tells_who_still_holds_it(here: Holders, there: Holders) -> None:
    for holders in (here, there):
        await holders.declare({PROJECT: "1"}, known={})
    assert [holder.installation.where for holder in await here.release(PROJECT)] == ["there:/two"]
    assert [holder.installation.where for holder in await here.release(PROJECT)] == ["there:/two"]
    assert await there.release(PROJECT) == []


async def test_of_two_at_once_one_is_refused(here: Holders, there: Holders) -> None:
    ends = await asyncio.gather(
        here.declare({TEAM: "1"}, known={}), there.declare({TEAM: "2"}, known={}), return_exceptions=True
    )
    assert [type(end) for end in ends].count(HeldElsewhereError) == 1
