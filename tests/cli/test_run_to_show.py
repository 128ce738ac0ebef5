"""Which of a project's runs is shown where nobody knows what is declared."""

from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from aios.cli.run_to_show import run_on_record
from aios.embedded.journal import SqliteJournal
from aios.errors import NotFoundError
from aios.naming import run_stream
from aios.ports.journal import Record


@pytest.fixture
async def journal(tmp_path: Path) -> AsyncIterator[SqliteJournal]:
    made = SqliteJournal(tmp_path / "journal.db")
    yield made
    await made.close()


async def record(journal: SqliteJournal, *runs: str) -> None:
    """One more record in each, in this order."""
    for run in runs:
        head = await journal.head(run_stream(run))
        await journal.append(run_stream(run), head, [Record({"kind": "EngineStarted", "engine": "e"})])


async def test_a_projects_only_run_is_shown_without_a_word(journal: SqliteJournal) -> None:
    await record(journal, "default/a/1", "default/ab/2", "blue/a/3")
    shown = await run_on_record(journal, "default", "a")
    assert (shown.run, shown.remark) == ("default/a/1", "")


async def test_the_run_that_began_last_is_shown_though_an_earlier_one_went_on_longer(journal: SqliteJournal) -> None:
    await record(journal, "default/a/older", "default/a/9-middle", "default/a/newest", "default/a/older")
    shown = await run_on_record(journal, "default", "a")
    assert shown.run == "default/a/newest"
    assert "ran 3 times: this is run newest, begun " in shown.remark
    assert shown.remark.endswith("--run: older, 9-middle")


async def test_an_earlier_run_is_shown_by_how_its_digest_begins(journal: SqliteJournal) -> None:
    await record(journal, "default/a/abc", "default/a/abd")
    shown = await run_on_record(journal, "default", "a", wanted="abc")
    assert (shown.run, shown.remark) == ("default/a/abc", "")
    with pytest.raises(NotFoundError, match='2 runs begin with "ab"; there are: abc, abd'):
        await run_on_record(journal, "default", "a", wanted="ab")


async def test_a_project_that_is_not_on_record_is_told_with_those_of_its_namespace(journal: SqliteJournal) -> None:
    await record(journal, "default/b/1", "default/b/2", "default/c/1", "blue/d/1")
    with pytest.raises(NotFoundError, match=r"on record there: b, c$"):
        await run_on_record(journal, "default", "a")


async def test_a_journal_that_was_never_made_is_no_reason_to_run_anything(
    journal: SqliteJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def no_bucket(prefix: str) -> Sequence[str]:
        raise NotFoundError(f"no bucket for {prefix}; `aios up` makes it")

    monkeypatch.setattr(journal, "streams", no_bucket)
    with pytest.raises(NotFoundError, match=r"nothing was ever recorded.*AIOS_OBJECTS_URL") as refused:
        await run_on_record(journal, "default", "a")
    assert "aios up" not in str(refused.value)
