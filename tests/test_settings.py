"""A variable that begins like ours and is none is told, with the one it may stand for, and nothing fails for it."""

import json
import re
from pathlib import Path

import pytest

from aios.settings import unknown_variables
from tests.cli.console import EXAMPLES, ROOT, aios
from tests.desired.building import worker_file

NAMED = re.compile(r"AIOS_[A-Z_]*[A-Z]")
TYPO = {"AIOS_BROKER_UR": "amqp://user:the-password@broker:5672/"}
TOLD = "AIOS_BROKER_UR is not a variable of AIOS; did you mean AIOS_BROKER_URL?"


@pytest.mark.parametrize(
    ("stated", "meant"),
    [
        ("AIOS_OBJECT_URL", "AIOS_OBJECTS_URL"),
        ("AIOS_SESION_URL", "AIOS_SESSIONS_URL"),
        ("aios_namespce", "AIOS_NAMESPACE"),
        ("AIOS_STATE", "AIOS_STATE_DIR"),
    ],
)
def test_a_misspelt_variable_is_told_with_the_one_that_was_meant(stated: str, meant: str) -> None:
    (told,) = unknown_variables([stated])
    assert told == f"{stated} is not a variable of AIOS; did you mean {meant}?"


def test_what_is_near_to_nothing_is_told_with_what_there_is() -> None:
    (told,) = unknown_variables(["AIOS_RABBITMQ_URL"])
    assert told.startswith(
        "AIOS_RABBITMQ_URL is not a variable of AIOS; there are AIOS_BROKER_ADMIN_URL, AIOS_BROKER_U"
    )


def test_every_variable_that_we_name_anywhere_is_known() -> None:
    shipped = [*(ROOT / "operator").rglob("*.py"), *(ROOT / "specs").rglob("*"), *(ROOT / "examples").rglob("*")]
    texts = [file.read_text(encoding="utf-8") for file in shipped if file.is_file() and file.suffix != ".pyc"]
    ours = {name for text in texts for name in NAMED.findall(text)}
    assert {"AIOS_BROKER_URL", "AIOS_TEAM", "AIOS_RABBITMQ_PASSWORD", "AIOS_SCRIPTED_LEDGER"} <= ours
    assert unknown_variables(ours - {"AIOS_BROKER_UR", "AIOS_TEST"}) == ()


def test_a_command_warns_once_and_never_shows_the_value(tmp_path: Path) -> None:
    ran = aios("up", EXAMPLES / "01-hello", "--once", "-C", ".aios", cwd=tmp_path, env=TYPO)
    assert ran.code == 0, ran.err
    assert ran.err.count(f"warning: {TOLD}\n") == ran.err.count("AIOS_BROKER_UR ") == 1, ran.err
    assert "the-password" not in ran.out + ran.err


def test_data_stays_clean_of_the_warning(tmp_path: Path) -> None:
    ran = aios("plan", EXAMPLES / "01-hello", "-o", "json", cwd=tmp_path, env=TYPO)
    assert json.loads(ran.out)
    assert TOLD in ran.err


def test_a_worker_logs_what_its_secret_holds_beside_and_does_not_fail_for_it(tmp_path: Path) -> None:
    ran = aios("worker", "--config", worker_file(tmp_path), cwd=tmp_path, env={"AIOS_MINE": "x"})
    assert "AIOS_MINE is not a variable of AIOS" in ran.err
    assert ran.code == 3, "for the services that are missing, not for the variable"
