"""A script plays a model: which rule speaks, what it says, and what its ledger shows."""

import json
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from aios.adapters.scripted import LEDGER, ScriptedModel
from aios.errors import ModelCallError
from aios.ports.chat_model import ChatMessage, ChatRequest, Role
from aios.spec.model import ScriptCall, ScriptMatch, ScriptRule, ScriptUsage


def ask(text: str = "Do it.", key: str = "r/t/1/0/1", **labels: str) -> ChatRequest:
    said: Mapping[str, str] = {"member": "developer", "task": "implement", "attempt": "1", "turn": "0", **labels}
    return ChatRequest((ChatMessage(Role.USER, text),), key=key, labels=said)


def rule(reply: str, **when: object) -> ScriptRule:
    return ScriptRule(when=ScriptMatch.model_validate(when), reply=reply)


async def test_every_reply_says_that_a_script_spoke() -> None:
    assert (await ScriptedModel("strong", [rule("hello")]).chat(ask())).model == "scripted:strong"


@pytest.mark.parametrize(
    ("when", "matches"),
    [
        ({}, True),
        ({"member": "developer"}, True),
        ({"member": "tester"}, False),
        ({"task": "impl*"}, True),
        ({"task": "test-*"}, False),
        ({"turn": 0}, True),
        ({"turn": 1}, False),
        ({"attempt": 1}, True),
        ({"attempt": 2}, False),
        ({"text": "(?i)DO"}, True),
        ({"text": "^it"}, False),
        ({"member": "developer", "turn": 1}, False),
    ],
)
async def test_every_stated_field_must_match(when: dict[str, object], matches: bool) -> None:
    model = ScriptedModel("m", [rule("matched", **when), rule("otherwise")])
    assert (await model.chat(ask())).text == ("matched" if matches else "otherwise")


async def test_the_first_rule_that_matches_speaks() -> None:
    assert (await ScriptedModel("m", [rule("one"), rule("two")]).chat(ask())).text == "one"


async def test_a_call_without_a_rule_is_named() -> None:
    with pytest.raises(
        ModelCallError, match="model m has no rule for member developer, task implement, attempt 1, turn 4"
    ) as error:
        await ScriptedModel("m", [rule("x", turn=3)]).chat(ask(turn="4"))
    assert not error.value.transient


async def test_tool_calls_usage_and_errors_are_played() -> None:
    calls = (ScriptCall(tool="write_file", args={"path": "a", "content": "b"}), ScriptCall(tool="list_files"))
    usage = ScriptUsage(input_tokens=7, output_tokens=9)
    reply = await ScriptedModel("m", [ScriptRule(tool_calls=calls, usage=usage)]).chat(ask(turn="2"))
    assert [(call.id, call.name) for call in reply.tool_calls] == [
        ("call-2-0", "write_file"),
        ("call-2-1", "list_files"),
    ]
    assert (reply.usage.input_tokens, reply.usage.output_tokens) == (7, 9)
    estimated = await ScriptedModel("m", [rule("12345")]).chat(ask("12345678"))
    assert (estimated.usage.input_tokens, estimated.usage.output_tokens) == (2, 2)
    with pytest.raises(ModelCallError, match="scripted:m: overloaded"):
        await ScriptedModel("m", [ScriptRule(error="overloaded")]).chat(ask())


async def test_a_delay_is_waited() -> None:
    before = time.monotonic()
    await ScriptedModel("m", [ScriptRule(reply="late", delay="50ms")]).chat(ask())
    assert time.monotonic() - before >= 0.05


async def test_the_ledger_has_a_line_for_every_request_answered_or_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = tmp_path / "ledger"
    monkeypatch.setenv(LEDGER, str(ledger))
    model = ScriptedModel("m", [rule("x", turn=0)])
    await model.chat(ask(key="k1"))
    with pytest.raises(ModelCallError):
        await model.chat(ask(key="k2", turn="9"))
    lines = [json.loads(line) for line in ledger.read_text().splitlines()]
    assert [(line["key"], line["labels"]["turn"], line["model"]) for line in lines] == [
        ("k1", "0", "m"),
        ("k2", "9", "m"),
    ]
    assert lines[0]["digest"] == lines[1]["digest"]
