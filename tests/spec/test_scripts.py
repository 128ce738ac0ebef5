"""A script in a ConfigMap is read as strictly as a resource, and a stranger's long text stops nobody."""

import pytest

from aios.spec import scripts
from aios.spec.conditions import Reason
from aios.spec.rules import model_problems
from aios.spec.scripts import MAX_SCRIPT, parse_script
from tests.desired.building import config_map, lookup, model, source


def test_rules_are_read() -> None:
    parsed = parse_script("- reply: hello\n- {when: {text: a}, reply: b}\n")
    assert ([rule.reply for rule in parsed.rules], parsed.faults) == (["hello", "b"], ())


def test_a_script_that_is_too_long_is_not_even_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scripts, "read", lambda text: pytest.fail(f"{len(text)} characters are parsed"))
    (fault,) = parse_script("- reply: hello\n" + "#" * MAX_SCRIPT).faults
    assert (fault.line, str(fault)) == (
        1,
        "262,159 characters; at most 262,144 are allowed: shorten the rules' replies",
    )


def test_the_model_says_which_script_is_too_long() -> None:
    playing = model(script=None, scriptFrom=source("s"))
    (problem,) = model_problems(playing, lookup(config_map(s="[" + "1," * MAX_SCRIPT + "]")))
    assert (problem.path, problem.reason) == ("spec.scriptFrom.configMapKeyRef", Reason.INVALID_SCRIPT)
    assert problem.message.startswith('ConfigMap "texts", key "s", line 1: 524,290 characters; at most 262,144')
