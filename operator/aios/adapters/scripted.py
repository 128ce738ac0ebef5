"""ScriptedModel: a script that plays a model, for demos and tests. It never pretends: each reply's `model` says so."""

import asyncio
import json
import os
import re
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from aios.errors import ModelCallError
from aios.naming import digest
from aios.ports.chat_model import ChatRequest
from aios.spec.model import ScriptMatch, ScriptRule
from aios.spec.vocabulary import seconds
from aios.tasks.attempt_events import Reply, ToolCall, Usage

LEDGER = "AIOS_SCRIPTED_LEDGER"
"""Names a file that gets one JSON line a request, before it is answered: a till receipt that is independent of the
journal, by which tests prove that no recorded call is sent again."""
BYTES_PER_TOKEN = 4


class ScriptedModel:
    """Answers by the first rule that matches."""

    def __init__(self, name: str, rules: Sequence[ScriptRule]) -> None:
        self._name = name
        self._rules = tuple(rules)
        ledger = os.environ.get(LEDGER)
        self._ledger = Path(ledger) if ledger else None

    async def chat(self, request: ChatRequest) -> Reply:
        """Raises ModelCallError when the rule says so, or when no rule matches; neither is transient."""
        if self._ledger is not None:
            _enter(self._ledger, self._name, request)
        rule = next((rule for rule in self._rules if _matches(rule.when, request)), None)
        if rule is None:
            raise ModelCallError(self._speechless(request.labels), transient=False)
        if rule.delay is not None:
            await asyncio.sleep(seconds(rule.delay))
        if rule.error is not None:
            raise ModelCallError(f"scripted:{self._name}: {rule.error}", transient=False)
        return self._reply(rule, request)

    def _speechless(self, labels: Mapping[str, str]) -> str:
        said = ", ".join(f"{key} {labels[key]}" for key in ("member", "task", "attempt", "turn") if key in labels)
        return (
            f"the script of model {self._name} has no rule for {said or 'this call'}: "
            "add one to its script (an empty `when` always matches)"
        )

    def _reply(self, rule: ScriptRule, request: ChatRequest) -> Reply:
        turn = request.labels.get("turn", "0")
        calls = tuple(
            ToolCall(id=f"call-{turn}-{index}", name=call.tool, args=call.args)
            for index, call in enumerate(rule.tool_calls)
        )
        usage = (
            Usage(input_tokens=rule.usage.input_tokens, output_tokens=rule.usage.output_tokens)
            if rule.usage
            else _estimated(rule, request)
        )
        return Reply(text=rule.reply, tool_calls=calls, usage=usage, model=f"scripted:{self._name}")


def _matches(when: ScriptMatch, request: ChatRequest) -> bool:
    labels = request.labels
    last = request.messages[-1].text if request.messages else ""
    return (
        (when.member is None or when.member == labels.get("member"))
        and (when.task is None or fnmatchcase(labels.get("task", ""), when.task))
        and (when.turn is None or str(when.turn) == labels.get("turn"))
        and (when.attempt is None or str(when.attempt) == labels.get("attempt"))
        and (when.text is None or re.search(when.text, last) is not None)
    )


def _estimated(rule: ScriptRule, request: ChatRequest) -> Usage:
    """Tokens by the rule of thumb of four bytes each, for rules that state none."""
    read = sum(len(message.text.encode()) for message in request.messages)
    written = len(rule.reply.encode()) + sum(len(json.dumps(call.args)) for call in rule.tool_calls)
    return Usage(input_tokens=-(-read // BYTES_PER_TOKEN), output_tokens=max(1, -(-written // BYTES_PER_TOKEN)))


def _enter(ledger: Path, model: str, request: ChatRequest) -> None:
    """Append one line in one write: O_APPEND keeps the lines of many processes apart."""
    asked = digest([[message.role, message.text] for message in request.messages])
    line = json.dumps({"key": request.key, "model": model, "labels": dict(request.labels), "digest": asked})
    descriptor = os.open(ledger, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        os.write(descriptor, (line + "\n").encode())
    finally:
        os.close(descriptor)
