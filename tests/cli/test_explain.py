"""`aios explain`: any word met in YAML or a status leads to what it means."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from aios.cli.explain import app
from aios.spec.conditions import ConditionType, Reason
from tests.cli.console import aios

RUNNER = CliRunner()


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_says_what_to_do(reason: Reason) -> None:
    ran = RUNNER.invoke(app, [reason.value.lower()])
    assert ran.exit_code == 0
    assert reason.meaning in ran.output
    assert reason.what_to_do in ran.output


@pytest.mark.parametrize("condition", ConditionType)
def test_every_condition_is_explained(condition: ConditionType) -> None:
    ran = RUNNER.invoke(app, [condition.value])
    assert condition.meaning in ran.output


def test_a_field_shows_type_allowed_values_and_default() -> None:
    ran = RUNNER.invoke(app, ["agentteam.spec.members.clearance"])
    assert ran.exit_code == 0
    assert "Allowed: Public, Internal, Restricted" in ran.output
    assert "Default: Internal" in ran.output


@pytest.mark.parametrize(
    "word", ["project", "proj", "projects.spec.tasks[0].check", "model.spec.prices", "agent.status"]
)
def test_kinds_plurals_and_lists_are_understood(word: str) -> None:
    ran = RUNNER.invoke(app, [word])
    assert ran.exit_code == 0
    assert ran.output.startswith(word)


def test_a_wrong_field_is_corrected(tmp_path: Path) -> None:
    ran = aios("explain", "project.spec.tsks", cwd=tmp_path)
    assert (ran.code, ran.out) == (1, "")
    assert 'did you mean "tasks"' in ran.err
