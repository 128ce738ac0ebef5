"""The same question, asked once: what counts as the same, who is given the answer, and what the record says of it."""

from collections.abc import AsyncIterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from aios.embedded.journal import SqliteJournal
from aios.embedded.sessions import SqliteSessions
from aios.errors import DivergedError, InDoubtError, ModelCallError, PrivacyError
from aios.models.attempt_log import AttemptLog
from aios.models.cost import spelled
from aios.models.gate import Gate
from aios.models.reply_cache import LONGEST, PLACES, ReplyCache, question
from aios.naming import digest
from aios.ports.chat_model import ChatMessage, ChatRequest, Role
from aios.ports.sessions import Sessions
from aios.spec.vocabulary import OnInDoubt, Privacy
from aios.tasks.attempt_events import CallStarted, Inputs, Reply, ToolCall, Usage
from tests.memories.test_cached_embedder import Away
from tests.models.test_gate import ANSWER, ASK, CALLER, CLOUD, Scribe, StillClock

PUBLIC, INTERNAL, RESTRICTED = Privacy
HOUR = 3_600.0


@pytest.fixture
async def journal(tmp_path: Path) -> AsyncIterator[SqliteJournal]:
    opened = SqliteJournal(tmp_path / "journal.db")
    yield opened
    await opened.close()


@pytest.fixture
async def sessions(tmp_path: Path) -> AsyncIterator[SqliteSessions]:
    opened = SqliteSessions(tmp_path / "sessions.db")
    yield opened
    await opened.close()


def cache(sessions: Sessions, team: str = "web") -> ReplyCache:
    return ReplyCache(sessions, "default", team, ttl=HOUR)


async def opened(
    journal: SqliteJournal, provider: Scribe, replies: ReplyCache | None, *, run: str = "a", time: str = ""
) -> tuple[Gate, AttemptLog]:
    """A gate for a fresh claim of a run's first attempt."""
    log = await AttemptLog.open(journal, f"attempts/{run}/t/1")
    await log.claim("w")
    if time and log.inputs is None:
        await log.append(Inputs(member="m", model="strong", system="", user="", privacy=INTERNAL, time=time))
    return Gate(log, provider, CALLER, StillClock(), replies=replies), log


async def test_the_same_question_is_asked_once_and_the_second_answer_is_free(
    journal: SqliteJournal, sessions: SqliteSessions
) -> None:
    provider = Scribe([ANSWER])
    first, _ = await opened(journal, provider, cache(sessions))
    assert await first.call(0, ASK, INTERNAL) == ANSWER
    second, log = await opened(journal, provider, cache(sessions), run="b")
    assert await second.call(0, ASK, INTERNAL) == ANSWER.model_copy(update={"usage": Usage()})
    assert len(provider.asked) == 1
    assert [event.kind for event in log.events] == ["Claimed", "CallFinished"]
    (finished,) = log.finished(0)
    assert (finished.cost, bool(finished.cached)) == (Decimal(0), True)


async def test_without_a_team_that_asks_for_it_nothing_is_kept(
    journal: SqliteJournal, sessions: SqliteSessions
) -> None:
    provider = Scribe([ANSWER, ANSWER])
    for run in ("a", "b"):
        await (await opened(journal, provider, None, run=run))[0].call(0, ASK, INTERNAL)
    assert (len(provider.asked), dict(await sessions.scan(""))) == (2, {})


async def test_a_free_answer_is_replayed_from_the_record_when_the_cache_is_gone(
    journal: SqliteJournal, sessions: SqliteSessions
) -> None:
    await (await opened(journal, Scribe([ANSWER]), cache(sessions)))[0].call(0, ASK, INTERNAL)
    await (await opened(journal, Scribe([]), cache(sessions), run="b"))[0].call(0, ASK, INTERNAL)
    again, _ = await opened(journal, Scribe([]), None, run="b")
    assert (await again.call(0, ASK, INTERNAL)).text == ANSWER.text
    with pytest.raises(DivergedError, match="only a new attempt"):
        await again.call(0, ChatRequest((ChatMessage(Role.USER, "Something else."),)), INTERNAL)


async def test_what_a_vendor_signed_for_one_conversation_is_not_given_to_another(
    journal: SqliteJournal, sessions: SqliteSessions
) -> None:
    thought = {
        "blocks": [{"type": "thinking", "thinking": "Hm.", "signature": "for this one"}],
        "message": {"r": "Hm."},
    }
    reply = ANSWER.model_copy(update={"tool_calls": (ToolCall(id="a", name="n", args={}),), "thinking": thought})
    first, _ = await opened(journal, Scribe([reply]), cache(sessions))
    assert (await first.call(0, ASK, INTERNAL)).thinking == thought
    second, _ = await opened(journal, Scribe([]), cache(sessions), run="b")
    given = await second.call(0, ASK, INTERNAL)
    assert given.thinking == {"message": {"r": "Hm."}}

    def next_question(reply: Reply) -> str:
        said = ChatMessage(Role.ASSISTANT, "", tool_calls=reply.tool_calls, thinking=reply.thinking)
        asked = replace(ASK, messages=(*ASK.messages, said, ChatMessage(Role.TOOL, "done", call_id="a")))
        return question("strong", CLOUD, asked, INTERNAL, told_time="").key

    assert next_question(reply) == next_question(given), "what was asked with it counts for those without"


async def test_another_label_or_team_is_not_given_the_answer(journal: SqliteJournal, sessions: SqliteSessions) -> None:
    provider = Scribe([ANSWER] * 3)
    await (await opened(journal, provider, cache(sessions)))[0].call(0, ASK, INTERNAL)
    await (await opened(journal, provider, cache(sessions), run="b"))[0].call(0, ASK, PUBLIC)
    await (await opened(journal, provider, cache(sessions, "other"), run="c"))[0].call(0, ASK, INTERNAL)
    assert len(provider.asked) == 3


async def test_what_may_not_leave_is_not_answered_from_the_cache_either(
    journal: SqliteJournal, sessions: SqliteSessions
) -> None:
    asked = question("strong", CLOUD, ASK, RESTRICTED, told_time="")
    await cache(sessions).keep(asked, ANSWER)
    gate, _ = await opened(journal, Scribe([]), cache(sessions))
    with pytest.raises(PrivacyError):
        await gate.call(0, ASK, RESTRICTED)


async def test_the_time_of_day_that_is_told_does_not_count(journal: SqliteJournal, sessions: SqliteSessions) -> None:
    provider = Scribe([ANSWER])
    for run, time in (("a", "2026-01-05T10:00:00+00:00"), ("b", "2026-01-05T11:30:07+00:00")):
        gate, _ = await opened(journal, provider, cache(sessions), run=run, time=time)
        await gate.call(0, ChatRequest((ChatMessage(Role.USER, f"Do it. It is {time}."),)), INTERNAL)
    assert len(provider.asked) == 1


def test_whatever_else_the_answer_may_depend_on_counts() -> None:
    keys = {
        question(model, spec, request, INTERNAL, told_time="").key
        for model, spec, request in (
            ("strong", CLOUD, ASK),
            ("other", CLOUD, ASK),
            ("strong", CLOUD.model_copy(update={"model": "newer"}), ASK),
            ("strong", CLOUD, replace(ASK, max_output_tokens=7)),
            ("strong", CLOUD, replace(ASK, labels={"task": "another"})),
        )
    }
    assert len(keys) == 5


def test_ids_of_tool_calls_do_not_count_but_which_answer_is_to_which_call_does() -> None:
    def asked(first: str, second: str, *answers: str) -> str:
        calls = (ToolCall(id=first, name="read", args={"path": "a"}), ToolCall(id=second, name="read"))
        told = (ChatMessage(Role.TOOL, f"text {number}", call_id=of) for number, of in enumerate(answers))
        request = replace(ASK, messages=(*ASK.messages, ChatMessage(Role.ASSISTANT, "", calls), *told))
        return question("strong", CLOUD, request, INTERNAL, told_time="").key

    same = {asked("toolu_1", "toolu_2", "toolu_1", "toolu_2"), asked("call-0-0", "call-0-1", "call-0-0", "call-0-1")}
    assert len(same) == 1
    assert asked("toolu_1", "toolu_2", "toolu_2", "toolu_1") not in same


async def test_what_failed_is_not_kept(journal: SqliteJournal, sessions: SqliteSessions) -> None:
    gate, _ = await opened(journal, Scribe([ModelCallError("no", transient=False)]), cache(sessions))
    with pytest.raises(ModelCallError):
        await gate.call(0, ASK, INTERNAL)
    assert dict(await sessions.scan("")) == {}


async def test_a_call_in_doubt_is_not_hidden_behind_a_free_answer(
    journal: SqliteJournal, sessions: SqliteSessions
) -> None:
    await cache(sessions).keep(question("strong", CLOUD, ASK, INTERNAL, told_time=""), ANSWER)
    _, log = await opened(journal, Scribe([]), None)
    asked = digest([CALLER.model, spelled(ASK)])
    await log.append(CallStarted(step=0, number=1, digest=asked, worst_case=Decimal(1)))
    parks = replace(CALLER, on_in_doubt=OnInDoubt.PARK)
    with pytest.raises(InDoubtError):
        await Gate(log, Scribe([]), parks, StillClock(), replies=cache(sessions)).call(0, ASK, INTERNAL)


NINE = (ToolCall(id="AbCdEf123", name="a"), ToolCall(id="gHiJkL456", name="b"))
"""Ids in the only form that Mistral takes."""


async def test_tool_calls_of_a_free_answer_keep_the_ids_that_their_vendor_gave_them(
    journal: SqliteJournal, sessions: SqliteSessions
) -> None:
    await (await opened(journal, Scribe([Reply(tool_calls=NINE)]), cache(sessions)))[0].call(0, ASK, INTERNAL)
    given = await (await opened(journal, Scribe([]), cache(sessions), run="b"))[0].call(4, ASK, INTERNAL)
    assert given.tool_calls == NINE


async def test_an_id_that_stands_in_the_attempt_already_is_not_given_again(
    journal: SqliteJournal, sessions: SqliteSessions
) -> None:
    await cache(sessions).keep(question("strong", CLOUD, ASK, INTERNAL, told_time=""), Reply(tool_calls=NINE))
    gate, _ = await opened(journal, Scribe([Reply(tool_calls=NINE[1:])]), cache(sessions))
    await gate.call(0, ChatRequest((ChatMessage(Role.USER, "Something else."),)), INTERNAL)
    given = await gate.call(1, ASK, INTERNAL)
    assert [(call.id, call.name) for call in given.tool_calls] == [("call-1-0", "a"), ("call-1-1", "b")]


@pytest.mark.parametrize("silent", [False, True])
async def test_a_cache_that_does_not_answer_costs_a_call_and_nothing_else(journal: SqliteJournal, silent: bool) -> None:
    gate, _ = await opened(journal, Scribe([ANSWER]), cache(Away(silent=silent)))
    assert await gate.call(0, ASK, INTERNAL) == ANSWER


@pytest.mark.parametrize("kept", ["", "{", "[]", "null", '{"of": "KEY"}', '{"of": "KEY", "reply": 7}'])
async def test_what_cannot_be_read_is_no_answer(sessions: SqliteSessions, kept: str) -> None:
    asked = question("strong", CLOUD, ASK, INTERNAL, told_time="")
    await cache(sessions).keep(asked, ANSWER)
    (place,) = await sessions.scan("")
    await sessions.set(place, kept.replace("KEY", asked.key), ttl=HOUR)
    assert await cache(sessions).get(asked) is None


async def test_the_cache_has_an_end_and_no_question_is_in_it(sessions: SqliteSessions) -> None:
    replies = cache(sessions)
    for number in range(20):
        request = ChatRequest((ChatMessage(Role.USER, f"launch-code {number}"),))
        await replies.keep(question("strong", CLOUD, request, RESTRICTED, told_time=""), ANSWER)
    found = await sessions.scan("")
    assert all(key.startswith("reply/default/web/Restricted/") for key in found)
    assert max(int(key.rpartition("/")[2]) for key in found) < PLACES
    assert "launch-code" not in str(found)
    before = dict(found)
    await replies.keep(question("strong", CLOUD, ASK, PUBLIC, told_time=""), Reply(text="x" * LONGEST))
    assert dict(await sessions.scan("")) == before
