"""The gate over a real journal: what leaves, what is answered from the record, what is refused."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aios.embedded.journal import SqliteJournal
from aios.errors import DivergedError, FencedError, InDoubtError, ModelCallError, PrivacyError
from aios.models.admission import AdmitAll
from aios.models.attempt_log import AttemptLog
from aios.models.cost import cost, spelled, worst_case
from aios.models.gate import MAX_TRIES, Caller, Gate
from aios.models.unusable import UnusableAnswerError
from aios.ports.chat_model import ChatMessage, ChatRequest, Role, ToolSpec
from aios.spec.model import ModelSpec, Prices
from aios.spec.vocabulary import Locality, OnInDoubt, Privacy, Provider
from aios.tasks.attempt_events import CallStarted, Claimed, Reply, ToolCall, Usage
from aios.tasks.spending import spent

STREAM = "attempts/default/p/abc/t/1"
ASK = ChatRequest((ChatMessage(Role.SYSTEM, "You."), ChatMessage(Role.USER, "Do it.")))
SHORTER = replace(ASK, max_output_tokens=1)
"""The same, asked by a worker whose configuration has changed."""
ANSWER = Reply(text="Done.", usage=Usage(input_tokens=1_000, output_tokens=100))
CLOUD = ModelSpec(
    provider=Provider.SCRIPTED,
    locality=Locality.CLOUD,
    prices=Prices(input_per_m_tok="3.00", output_per_m_tok="15.00"),
)
CALLER = Caller(key="default/p/abc/t/1", member="developer", clearance=Privacy.INTERNAL, model="strong", spec=CLOUD)
BUSY = ModelCallError("overloaded", transient=True)


@dataclass
class Scribe:
    """Gives its answers in turn and notes what was asked."""

    answers: Sequence[Reply | Exception]
    asked: list[str] = field(default_factory=list)

    async def chat(self, request: ChatRequest) -> Reply:
        self.asked.append(request.key)
        answer = self.answers[len(self.asked) - 1]
        if isinstance(answer, Exception):
            raise answer
        return answer


@dataclass
class StillClock:
    """Time that passes only by being slept."""

    slept: list[float] = field(default_factory=list)

    def monotonic(self) -> float:
        return sum(self.slept)

    def now(self) -> datetime:
        return datetime(2026, 1, 1, tzinfo=UTC)

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)


@pytest.fixture
async def journal(tmp_path: Path) -> AsyncIterator[SqliteJournal]:
    journal = SqliteJournal(tmp_path / "journal.db")
    yield journal
    await journal.close()


async def gate(
    journal: SqliteJournal, provider: Scribe, caller: Caller = CALLER, clock: StillClock | None = None
) -> tuple[Gate, AttemptLog]:
    """A gate for a fresh claim of the attempt."""
    log = await AttemptLog.open(journal, STREAM)
    await log.claim("w")
    return Gate(log, provider, caller, clock or StillClock()), log


async def test_a_call_stands_between_its_two_records(journal: SqliteJournal) -> None:
    provider = Scribe([ANSWER])
    door, log = await gate(journal, provider)
    assert await door.call(0, ASK, Privacy.INTERNAL) == ANSWER
    assert [event.kind for event in log.events] == ["Claimed", "CallStarted", "CallFinished"]
    assert provider.asked == ["default/p/abc/t/1/0/1"]
    (finished,) = log.finished(0)
    assert finished.cost == Decimal("0.0045")
    assert log.calls(0)[0].worst_case > Decimal("0.0614")  # 4,096 tokens out at $15 a million


async def test_a_recorded_answer_is_never_asked_again(journal: SqliteJournal) -> None:
    await (await gate(journal, Scribe([ANSWER])))[0].call(0, ASK, Privacy.INTERNAL)
    provider = Scribe([])
    door, log = await gate(journal, provider)
    assert await door.call(0, ASK, Privacy.INTERNAL) == ANSWER
    assert (provider.asked, log.claims) == ([], 2)


async def test_a_recorded_refusal_is_repeated_from_the_record(journal: SqliteJournal) -> None:
    refusal = ModelCallError("bad request", transient=False)
    with pytest.raises(ModelCallError):
        await (await gate(journal, Scribe([refusal])))[0].call(0, ASK, Privacy.INTERNAL)
    provider = Scribe([])
    with pytest.raises(ModelCallError, match="bad request"):
        await (await gate(journal, provider))[0].call(0, ASK, Privacy.INTERNAL)
    assert provider.asked == []


async def test_an_answer_that_is_none_is_paid_as_counted_and_in_no_doubt(journal: SqliteJournal) -> None:
    declined = UnusableAnswerError("declined", usage=ANSWER.usage)
    parked = replace(CALLER, on_in_doubt=OnInDoubt.PARK)
    for scribe in (Scribe([declined]), Scribe([])):
        door, log = await gate(journal, scribe, parked)
        with pytest.raises(UnusableAnswerError, match="declined") as caught:
            await door.call(0, ASK, Privacy.INTERNAL)
        assert caught.value.usage == ANSWER.usage
    (finished,) = log.finished(0)
    assert (finished.cost, finished.in_doubt, finished.transient) == (Decimal("0.0045"), False, False)


async def test_another_question_than_the_recorded_one_is_diverged(journal: SqliteJournal) -> None:
    await (await gate(journal, Scribe([ANSWER])))[0].call(0, ASK, Privacy.INTERNAL)
    provider = Scribe([ANSWER])
    door, _ = await gate(journal, provider)
    with pytest.raises(DivergedError, match="configuration or AIOS changed since step 0"):
        await door.call(0, replace(ASK, messages=(*ASK.messages, ChatMessage(Role.USER, "?"))), Privacy.INTERNAL)
    with pytest.raises(DivergedError):
        await door.call(0, SHORTER, Privacy.INTERNAL)
    assert provider.asked == []


@pytest.mark.parametrize(
    "refusal",
    [ModelCallError("bad request", transient=False), UnusableAnswerError("declined", usage=ANSWER.usage)],
    ids=["refused", "unusable"],
)
async def test_another_question_than_the_one_that_was_refused_is_diverged(
    journal: SqliteJournal, refusal: ModelCallError
) -> None:
    with pytest.raises(ModelCallError):
        await (await gate(journal, Scribe([refusal])))[0].call(0, ASK, Privacy.INTERNAL)
    provider = Scribe([])
    with pytest.raises(DivergedError):
        await (await gate(journal, provider))[0].call(0, SHORTER, Privacy.INTERNAL)
    assert provider.asked == []


async def test_a_call_in_doubt_protects_nothing_and_may_be_followed_by_another_question(journal: SqliteJournal) -> None:
    with pytest.raises(ZeroDivisionError):
        await (await gate(journal, Scribe([ZeroDivisionError("killed here")])))[0].call(0, ASK, Privacy.INTERNAL)
    provider = Scribe([ANSWER])
    door, log = await gate(journal, provider)
    assert await door.call(0, SHORTER, Privacy.INTERNAL) == ANSWER
    assert provider.asked == ["default/p/abc/t/1/0/2"]
    (lost,) = log.in_doubt()
    spend = spent(log.events)
    assert (spend.calls, spend.in_doubt, spend.cost) == (1, 1, lost.worst_case + Decimal("0.0045"))
    # That answer is as safe as any: it is given again, and neither question is asked again.
    later = Scribe([])
    assert await (await gate(journal, later))[0].call(0, SHORTER, Privacy.INTERNAL) == ANSWER
    with pytest.raises(DivergedError):
        await (await gate(journal, later))[0].call(0, ASK, Privacy.INTERNAL)
    assert later.asked == []


async def test_a_call_that_failed_for_a_while_may_be_followed_by_another_question(journal: SqliteJournal) -> None:
    with pytest.raises(ZeroDivisionError):
        await (await gate(journal, Scribe([BUSY, ZeroDivisionError()])))[0].call(0, ASK, Privacy.INTERNAL)
    provider = Scribe([ANSWER])
    door, log = await gate(journal, provider)
    assert await door.call(0, SHORTER, Privacy.INTERNAL) == ANSWER
    assert provider.asked == ["default/p/abc/t/1/0/3"]
    assert [call.number for call in log.in_doubt()] == [2]


@pytest.mark.parametrize(
    "lost", [ZeroDivisionError("killed here"), ModelCallError("cut off", transient=True, maybe_charged=True)]
)
async def test_what_the_team_wants_parked_is_parked_though_an_earlier_answer_fits_no_longer(
    journal: SqliteJournal, lost: Exception
) -> None:
    parks = replace(CALLER, on_in_doubt=OnInDoubt.PARK)
    first, _ = await gate(journal, Scribe([ANSWER, lost]), parks)
    await first.call(0, ASK, Privacy.INTERNAL)
    with pytest.raises((ZeroDivisionError, InDoubtError)):
        await first.call(1, ASK, Privacy.INTERNAL)
    with pytest.raises(InDoubtError, match="abc/t/1/1: "):
        await (await gate(journal, Scribe([]), parks))[0].call(0, SHORTER, Privacy.INTERNAL)
    with pytest.raises(DivergedError):
        await (await gate(journal, Scribe([])))[0].call(0, SHORTER, Privacy.INTERNAL)


@pytest.mark.parametrize(
    ("label", "clearance", "spec"),
    [
        (Privacy.RESTRICTED, Privacy.RESTRICTED, CLOUD),
        (Privacy.RESTRICTED, Privacy.RESTRICTED, CLOUD.model_copy(update={"clearance": Privacy.RESTRICTED})),
        (Privacy.INTERNAL, Privacy.INTERNAL, CLOUD.model_copy(update={"clearance": Privacy.PUBLIC})),
        (Privacy.RESTRICTED, Privacy.INTERNAL, ModelSpec(provider=Provider.SCRIPTED)),
        (Privacy.INTERNAL, Privacy.PUBLIC, ModelSpec(provider=Provider.SCRIPTED)),
    ],
)
async def test_nothing_leaves_above_a_clearance(
    journal: SqliteJournal, label: Privacy, clearance: Privacy, spec: ModelSpec
) -> None:
    provider = Scribe([ANSWER])
    door, log = await gate(journal, provider, replace(CALLER, clearance=clearance, spec=spec))
    with pytest.raises(PrivacyError, match="Nothing was sent"):
        await door.call(0, ASK, label)
    assert (provider.asked, [event.kind for event in log.events]) == ([], ["Claimed"])


@given(label=st.sampled_from(Privacy), clearance=st.sampled_from(Privacy), stated=st.sampled_from([None, *Privacy]))
def test_no_clearance_lets_restricted_data_into_a_cloud(
    label: Privacy, clearance: Privacy, stated: Privacy | None
) -> None:
    caller = replace(CALLER, clearance=clearance, spec=CLOUD.model_copy(update={"clearance": stated}))
    if caller.may_see(label):
        assert label is not Privacy.RESTRICTED
        assert clearance.permits(label)
        assert caller.spec.effective_clearance.permits(label)


async def test_a_transient_error_is_tried_again_under_its_own_record(journal: SqliteJournal) -> None:
    provider, clock = Scribe([BUSY, BUSY, ANSWER]), StillClock()
    door, log = await gate(journal, provider, clock=clock)
    assert await door.call(0, ASK, Privacy.INTERNAL) == ANSWER
    assert provider.asked == [f"default/p/abc/t/1/0/{number}" for number in (1, 2, 3)]
    assert [(e.number, bool(e.error)) for e in log.finished(0)] == [(1, True), (2, True), (3, False)]
    assert len(clock.slept) == 2
    assert clock.slept[0] < clock.slept[1]


async def test_transient_errors_are_bounded_over_all_claims(journal: SqliteJournal) -> None:
    first = Scribe([BUSY] * 9)
    with pytest.raises(ModelCallError, match="overloaded"):
        await (await gate(journal, first))[0].call(0, ASK, Privacy.INTERNAL)
    second = Scribe([ANSWER])
    with pytest.raises(ModelCallError, match="overloaded"):
        await (await gate(journal, second))[0].call(0, ASK, Privacy.INTERNAL)
    assert (len(first.asked), len(second.asked)) == (MAX_TRIES, 0)


async def test_a_call_in_doubt_is_asked_again_under_the_next_number(journal: SqliteJournal) -> None:
    lost = Scribe([ZeroDivisionError("the worker died here")])
    with pytest.raises(ZeroDivisionError):
        await (await gate(journal, lost))[0].call(0, ASK, Privacy.INTERNAL)
    provider = Scribe([ANSWER])
    door, log = await gate(journal, provider)
    assert len(log.in_doubt()) == 1
    assert await door.call(0, ASK, Privacy.INTERNAL) == ANSWER
    assert provider.asked == ["default/p/abc/t/1/0/2"]
    assert [call.number for call in log.in_doubt()] == [1]


async def test_a_call_in_doubt_is_parked_when_so_told(journal: SqliteJournal) -> None:
    with pytest.raises(ZeroDivisionError):
        await (await gate(journal, Scribe([ZeroDivisionError()])))[0].call(0, ASK, Privacy.INTERNAL)
    provider = Scribe([ANSWER])
    door, _ = await gate(journal, provider, replace(CALLER, on_in_doubt=OnInDoubt.PARK))
    with pytest.raises(InDoubtError, match="may have been charged up to"):
        await door.call(0, ASK, Privacy.INTERNAL)
    assert provider.asked == []


async def test_a_final_failure_that_may_have_been_charged_is_parked_too(journal: SqliteJournal) -> None:
    refusal = ModelCallError("more than 8 MB", transient=False, maybe_charged=True)
    parked = replace(CALLER, on_in_doubt=OnInDoubt.PARK)
    for provider in (Scribe([refusal]), Scribe([])):
        door, _ = await gate(journal, provider, parked)
        with pytest.raises(InDoubtError, match="may have been charged up to"):
            await door.call(0, ASK, Privacy.INTERNAL)


class Paced(AdmitAll):
    """An admission that keeps what providers ask for."""

    keeps_pauses = True


@pytest.mark.parametrize(("admission", "slept"), [(AdmitAll(), 60.0), (Paced(), 1.0)])
async def test_a_pause_that_admission_keeps_is_not_slept_by_the_gate(
    journal: SqliteJournal, admission: AdmitAll, slept: float
) -> None:
    clock, log = StillClock(), await AttemptLog.open(journal, STREAM)
    await log.claim("w")
    provider = Scribe([ModelCallError("429", transient=True, retry_after=60.0), ANSWER])
    assert await Gate(log, provider, CALLER, clock, admission).call(0, ASK, Privacy.INTERNAL) == ANSWER
    assert slept * 0.3 < sum(clock.slept) <= slept


async def test_what_a_provider_failed_of_is_told_while_it_is_asked_again(journal: SqliteJournal) -> None:
    told, log = list[str](), await AttemptLog.open(journal, STREAM)
    await log.claim("w")
    door = Gate(log, Scribe([BUSY, BUSY, ANSWER]), CALLER, StillClock(), say=told.append)
    assert await door.call(0, ASK, Privacy.INTERNAL) == ANSWER
    assert told == [f"model {CALLER.model}: {BUSY}"] * 2 + [""]


async def test_a_fenced_claimant_sends_nothing(journal: SqliteJournal) -> None:
    provider = Scribe([ANSWER])
    zombie, _ = await gate(journal, provider)
    await gate(journal, Scribe([]))
    with pytest.raises(FencedError):
        await zombie.call(0, ASK, Privacy.INTERNAL)
    assert provider.asked == []


async def test_two_racing_claimants_get_one_claim(journal: SqliteJournal) -> None:
    one, other = await AttemptLog.open(journal, STREAM), await AttemptLog.open(journal, STREAM)
    assert await one.claim("one") == 1
    with pytest.raises(FencedError):
        await other.claim("other")
    assert [
        event.worker for event in (await AttemptLog.open(journal, STREAM)).events if isinstance(event, Claimed)
    ] == ["one"]


async def test_tool_calls_get_ids_that_differ(journal: SqliteJournal) -> None:
    calls = (ToolCall(id="x", name="a"), ToolCall(id="x", name="b"))
    door, _ = await gate(journal, Scribe([ANSWER.model_copy(update={"tool_calls": calls})]))
    assert [call.id for call in (await door.call(3, ASK, Privacy.INTERNAL)).tool_calls] == ["call-3-0", "call-3-1"]


TEXTS = st.text(max_size=60)
REQUESTS = st.builds(
    ChatRequest,
    messages=st.lists(st.builds(ChatMessage, role=st.sampled_from(Role), text=TEXTS), max_size=5).map(tuple),
    tools=st.lists(
        st.builds(ToolSpec, name=TEXTS, description=TEXTS, parameters=st.just({"type": "object"})), max_size=3
    ).map(tuple),
    max_output_tokens=st.integers(1, 100_000),
)


@given(request=REQUESTS)
def test_no_call_costs_more_than_its_worst_case(request: ChatRequest) -> None:
    """Whatever tokenizer: a token stands for at least one byte of what is sent."""
    sent = sum(len(message.text.encode()) for message in request.messages)
    sent += sum(len((tool.name + tool.description + str(dict(tool.parameters))).encode()) for tool in request.tools)
    unseen = 804 if request.tools else 0  # the longest prompt that Anthropic adds where there are tools
    most = Usage(input_tokens=sent + unseen, output_tokens=request.max_output_tokens)
    assert worst_case(request, CLOUD) >= cost(most, CLOUD)
    assert worst_case(request, ModelSpec(provider=Provider.SCRIPTED)) == 0


def test_what_is_given_back_of_a_models_thoughts_counts_and_its_absence_changes_no_question() -> None:
    said = ChatMessage(Role.ASSISTANT, "", (ToolCall(id="a", name="list_files"),))
    plain = ChatRequest((*ASK.messages, said))
    thoughtful = ChatRequest((*ASK.messages, replace(said, thinking={"thinking": "x" * 1_000})))
    assert worst_case(thoughtful, CLOUD) >= worst_case(plain, CLOUD) + Decimal("0.003")
    assert "thinking" not in str(spelled(plain)), "or every attempt that an earlier version recorded would diverge"


def test_key_and_labels_are_no_part_of_the_question() -> None:
    assert spelled(ASK) == spelled(replace(ASK, key="k", labels={"turn": "1"}))


async def test_the_worst_case_is_exact_to_the_last_digit(journal: SqliteJournal) -> None:
    door, log = await gate(journal, Scribe([ANSWER]))
    await door.call(0, ASK, Privacy.INTERNAL)
    reopened = await AttemptLog.open(journal, STREAM)
    (started,) = [event for event in reopened.events if isinstance(event, CallStarted)]
    assert started.worst_case == worst_case(ASK, CLOUD) == log.calls(0)[0].worst_case
