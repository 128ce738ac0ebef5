"""Each fault through the real gate over a real journal: what the provider was asked is what the record says, nothing
recorded is asked again, and the spend is right."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from aios.adapters.model_api.arguments import NO_OBJECT
from aios.embedded.journal import SqliteJournal
from aios.errors import ModelCallError
from aios.models.attempt_log import AttemptLog
from aios.models.cost import worst_case
from aios.models.gate import MAX_DOUBTFUL, MAX_TRIES, Caller, Gate
from aios.naming import digest
from aios.spec.vocabulary import Privacy
from aios.tasks.attempt_events import Reply, ToolCall, Usage
from tests.adapters.model_api.providers import WITH_TOOLS, Client, ProviderUnderTest, provider_under_test
from tests.servers.model_stub import Act, Cut, Huge, Plain, Refuse, Say, Stall, Trouble

STREAM = "attempts/default/p/r/t/1"
ASK = replace(WITH_TOOLS, key="")
USED = Usage(input_tokens=1_000, output_tokens=100)
PAID = Decimal("0.0045")
"""A thousand tokens in at $3 and a hundred out at $15 a million."""
ANSWER = Say("Done.", usage=USED)

PASSING: dict[str, Act] = {
    "429": Refuse(429, headers={"retry-after": "20"}),
    "500": Refuse(500),
    "503": Refuse(503),
    "529": Refuse(529, kind="overloaded_error"),
    "overloaded": Trouble("overloaded_error", frames=0),
}
DOUBTFUL: dict[str, Act] = {
    "cut": Cut(4),
    "cut within an event": Cut(3, half=True),
    "ended early": Cut(4, clean=True),
    "error within": Trouble("overloaded_error"),
    "standstill": Stall(4),
    "silence": Stall(),
    "gateway timeout": Refuse(504),
}
SILENT = ("standstill", "silence")
"""Those that only the client's patience ends."""
FINAL: dict[str, tuple[Act, bool]] = {
    "400": (Refuse(400), False),
    "401": (Refuse(401), False),
    "404": (Refuse(404), False),
    "413": (Refuse(413), False),
    "huge": (Huge(20 * 2**20), True),
    "another kind of server": (Plain("<html/>", "text/html"), True),
}


class StillClock:
    """Time that passes only by being slept."""

    def __init__(self) -> None:
        self.slept: list[float] = []

    def monotonic(self) -> float:
        return sum(self.slept)

    def now(self) -> datetime:
        return datetime(2026, 1, 1, tzinfo=UTC)

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)


class Desk:
    """An attempt's record, a provider, and a stub that counts."""

    def __init__(self, provider: ProviderUnderTest, place: Path) -> None:
        self.provider, self.stub, self.clock = provider, provider.stub, StillClock()
        self.spec = provider.spec()
        self._journal = SqliteJournal(place / "journal.db")
        self._clients: list[Client] = []
        self.idle = 20.0
        """Seconds of silence after which a connection counts as dead: no machine is so busy."""

    async def ask(self, step: int = 0) -> Reply:
        """As a worker that has just claimed the attempt asks."""
        log = await AttemptLog.open(self._journal, STREAM)
        await log.claim("w")
        caller = Caller("default/p/r/t/1", "developer", Privacy.INTERNAL, "strong", self.spec)
        self._clients.append(client := self.provider.client(idle=self.idle))
        return await Gate(log, client, caller, self.clock).call(step, ASK, Privacy.INTERNAL)

    async def log(self) -> AttemptLog:
        return await AttemptLog.open(self._journal, STREAM)

    async def spent(self) -> Decimal:
        return sum((call.cost for call in (await self.log()).finished(0)), Decimal(0))

    async def check_ledger(self) -> None:
        """Every request at the stub has its own CallStarted, in order, and every one of these is settled."""
        log = await self.log()
        keys = [digest(f"default/p/r/t/1/0/{call.number}") for call in log.calls(0)]
        assert [asked.headers["x-aios-call-key"] for asked in self.stub.chats] == keys
        assert len(set(keys)) == len(keys) == len(log.finished(0))
        assert log.in_doubt() == ()

    async def close(self) -> None:
        for client in self._clients:
            await client.close()
        await self._journal.close()


@pytest.fixture
async def desk(provider: ProviderUnderTest, tmp_path: Path) -> AsyncIterator[Desk]:
    desk = Desk(provider, tmp_path)
    yield desk
    await desk.close()


async def test_an_answer_is_asked_for_once_and_paid_once(desk: Desk) -> None:
    desk.stub.script = [ANSWER]
    first = await desk.ask()
    assert await desk.ask() == first
    await desk.check_ledger()
    assert (len(desk.stub.chats), await desk.spent()) == (1, PAID)


@pytest.mark.parametrize("fault", PASSING)
async def test_a_refusal_that_passes_is_tried_again_and_costs_nothing(desk: Desk, fault: str) -> None:
    desk.stub.script = [PASSING[fault], PASSING[fault], ANSWER]
    assert (await desk.ask()).text == "Done."
    await desk.ask()
    await desk.check_ledger()
    assert (len(desk.stub.chats), await desk.spent()) == (3, PAID)
    if fault == "429":
        assert desk.clock.slept == [20.0, 20.0]


@pytest.mark.parametrize("fault", PASSING)
async def test_a_refusal_that_does_not_pass_is_tried_so_often_and_never_again(desk: Desk, fault: str) -> None:
    desk.stub.always = PASSING[fault]
    for _ in range(2):
        with pytest.raises(ModelCallError):
            await desk.ask()
    await desk.check_ledger()
    assert (len(desk.stub.chats), await desk.spent()) == (MAX_TRIES, Decimal(0))


@pytest.mark.parametrize("fault", DOUBTFUL)
async def test_an_answer_that_does_not_arrive_whole_counts_at_its_worst_case(desk: Desk, fault: str) -> None:
    if fault in SILENT:
        desk.idle = 2.0
    desk.stub.script = [DOUBTFUL[fault], ANSWER]
    assert (await desk.ask()).text == "Done."
    await desk.ask()
    await desk.check_ledger()
    assert len(desk.stub.chats) == 2
    assert await desk.spent() == PAID + worst_case(ASK, desk.spec)


async def test_answers_that_never_arrive_whole_are_not_asked_for_without_an_end(desk: Desk) -> None:
    desk.stub.always = Cut(4)
    for _ in range(2):
        with pytest.raises(ModelCallError, match="cut off"):
            await desk.ask()
    await desk.check_ledger()
    assert len(desk.stub.chats) == MAX_DOUBTFUL
    assert await desk.spent() == MAX_DOUBTFUL * worst_case(ASK, desk.spec)


@pytest.mark.parametrize("fault", FINAL)
async def test_a_final_refusal_is_asked_once_whoever_comes(desk: Desk, fault: str) -> None:
    act, charged = FINAL[fault]
    desk.stub.always = act
    for _ in range(3):
        with pytest.raises(ModelCallError) as caught:
            await desk.ask()
        assert not caught.value.transient
    await desk.check_ledger()
    assert len(desk.stub.chats) == 1
    assert await desk.spent() == (worst_case(ASK, desk.spec) if charged else 0)


@pytest.mark.parametrize("stop", [("refusal", "content_filter"), ("max_tokens", "length")])
async def test_an_answer_that_is_none_is_paid_as_it_was_counted_and_never_asked_for_again(
    desk: Desk, stop: tuple[str, str]
) -> None:
    desk.stub.always = replace(ANSWER, stop=stop[desk.provider.name == "openai"])
    for _ in range(2):
        with pytest.raises(ModelCallError, match=r"declined to answer|cut off"):
            await desk.ask()
    await desk.check_ledger()
    assert (len(desk.stub.chats), await desk.spent()) == (1, PAID)
    assert not any(call.in_doubt for call in (await desk.log()).finished(0))


async def test_malformed_arguments_are_an_answer_like_any_other(desk: Desk) -> None:
    desk.stub.script = [Say("", (ToolCall(id="c", name="write_file"),), USED, written="{path: a}")]
    reply = await desk.ask()
    assert await desk.ask() == reply
    assert reply.tool_calls[0].args == {NO_OBJECT: "{path: a}"}
    await desk.check_ledger()
    assert (len(desk.stub.chats), await desk.spent()) == (1, PAID)


async def test_cache_reads_and_writes_are_paid_at_their_own_prices(desk: Desk) -> None:
    usage = Usage(input_tokens=100, output_tokens=10, cache_read_tokens=1_000, cache_write_tokens=0)
    prices = {"inputPerMTok": "3.00", "outputPerMTok": "15.00", "cacheReadPerMTok": "0.30"}
    desk.spec = desk.provider.spec(prices=prices)
    desk.stub.script = [Say("Done.", usage=usage)]
    await desk.ask()
    assert await desk.spent() == Decimal("0.00075")  # 100 at 3.00, 1,000 at 0.30, 10 at 15.00 a million


async def test_a_server_that_counts_nothing_is_counted_at_the_most_it_can_be(tmp_path: Path) -> None:
    with provider_under_test("openai") as provider:
        desk = Desk(provider, tmp_path)
        desk.stub.script = [replace(ANSWER, counted=False)]
        await desk.ask()
        least = ASK.max_output_tokens * Decimal("0.000015")  # it may have thought as long without showing it
        assert least < await desk.spent() <= worst_case(ASK, desk.spec)
        await desk.close()
