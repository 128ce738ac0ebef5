"""How an answer ended, in the words of many servers and proxies; by the vendors' own libraries."""

import pytest

from aios.adapters.model_api.ends import AT_LIMIT, BROKEN, FILTERED, KNOWN
from aios.errors import ModelCallError
from aios.models.unusable import UnusableAnswerError
from aios.ports.chat_model import ChatRequest
from aios.tasks.attempt_events import ToolCall
from tests.adapters.model_api.providers import ASK, WITH_TOOLS, Client, ProviderUnderTest
from tests.servers.model_stub import Cut, Say

CALL = ToolCall(id="call_1", name="write_file", args={"path": "a"})


@pytest.mark.parametrize(
    "word", ["content_filter: RECITATION", "content_filter: PROHIBITED_CONTENT", "SAFETY", "sensitive"]
)
@pytest.mark.parametrize("asked", [ASK, WITH_TOOLS])
async def test_an_answer_that_a_filter_withheld_is_none(
    provider: ProviderUnderTest, model: Client, word: str, asked: ChatRequest
) -> None:
    provider.stub.script = [Say("", stop=word)]
    with pytest.raises(UnusableAnswerError, match="declined to answer") as caught:
        await model.chat(asked)
    assert word in str(caught.value)


@pytest.mark.parametrize("word", ["function_call_filter: MALFORMED_FUNCTION_CALL", "MALFORMED_FUNCTION_CALL"])
@pytest.mark.parametrize("say", [Say(""), Say("I will write.", (CALL,))])
async def test_a_call_that_the_model_misspelled_is_asked_for_again(
    provider: ProviderUnderTest, model: Client, word: str, say: Say
) -> None:
    provider.stub.script = [Say(say.text, say.calls, stop=word), Say("", (CALL,))]
    with pytest.raises(ModelCallError) as caught:
        await model.chat(WITH_TOOLS)
    assert (caught.value.transient, caught.value.maybe_charged, word in str(caught.value)) == (True, True, True)
    assert (await model.chat(WITH_TOOLS)).tool_calls == (CALL,)


@pytest.mark.parametrize("text", ["", "I will now write the file."])
@pytest.mark.parametrize("word", ["paused: later", "pause_turn"])
async def test_an_end_that_nobody_knows_does_not_say_that_the_work_is_finished(
    provider: ProviderUnderTest, model: Client, text: str, word: str
) -> None:
    provider.stub.script = [Say(text, stop=word)]
    with pytest.raises(UnusableAnswerError, match=rf"not known here \({word}\)") as caught:
        await model.chat(WITH_TOOLS)
    assert caught.value.usage == Say().usage


async def test_an_end_that_nobody_knows_takes_nothing_from_a_call_or_a_text(
    provider: ProviderUnderTest, model: Client
) -> None:
    provider.stub.script = [Say("", (CALL,), stop="paused"), Say("A plan.", stop="paused"), Say("", stop="paused")]
    assert (await model.chat(WITH_TOOLS)).tool_calls == (CALL,)
    assert (await model.chat(ASK)).text == "A plan."
    with pytest.raises(UnusableAnswerError, match="not known here"):
        await model.chat(ASK)


@pytest.mark.parametrize("word", ["stop", "end_turn", "eos", "eos_token", "STOP", "end"])
async def test_a_good_end_by_any_of_its_names_finishes_the_work(
    provider: ProviderUnderTest, model: Client, word: str
) -> None:
    provider.stub.script = [Say("Done.", stop=word)]
    assert (await model.chat(WITH_TOOLS)).text == "Done."


@pytest.mark.parametrize("text", ["", "I will now write the file."])
@pytest.mark.parametrize("word", ["tool_calls", "function_call", "tool_use"])
async def test_an_answer_whose_call_the_server_lost_is_asked_for_again(
    provider: ProviderUnderTest, model: Client, text: str, word: str
) -> None:
    provider.stub.script = [Say(text, stop=word), Say("", (CALL,), stop=word)]
    with pytest.raises(ModelCallError, match=rf"ended with a tool call \({word}\) and sent none") as caught:
        await model.chat(WITH_TOOLS)
    assert (caught.value.transient, caught.value.maybe_charged) == (True, True)
    assert (await model.chat(WITH_TOOLS)).tool_calls == (CALL,)


async def test_without_a_word_of_its_end_an_answer_is_cut_off(provider: ProviderUnderTest, model: Client) -> None:
    provider.stub.script = [Cut(4, clean=True)]
    with pytest.raises(ModelCallError, match="before the answer did") as caught:
        await model.chat(WITH_TOOLS)
    assert caught.value.transient


def test_no_word_means_two_things() -> None:
    kinds = (AT_LIMIT, BROKEN, FILTERED, KNOWN)
    assert sum(len(words) for words in kinds) == len(frozenset().union(*kinds))
