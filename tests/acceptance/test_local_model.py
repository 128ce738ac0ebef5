"""The example that runs on a real model in this process."""

import re
import shutil
from pathlib import Path

from tests.cli.console import EXAMPLES, aios
from tests.servers.availability import ServerUnavailableError, skip_or_fail
from tests.servers.llama import small_model


def test_a_team_works_wholly_on_the_small_model_and_says_who_wrote_what(tmp_path: Path) -> None:
    try:
        small_model()
    except ServerUnavailableError as error:
        skip_or_fail(error)
    shutil.copytree(EXAMPLES / "04-local-model", tmp_path / "team", ignore=shutil.ignore_patterns(".aios"))
    ran = aios("up", "team", "--once", cwd=tmp_path)
    assert ran.code == 0, ran.out + ran.err
    assert "Succeeded  2/2 tasks" in ran.out
    for task in ("hours", "coffee"):
        written = aios("workspace", "cat", "notices", f"{task}.txt", cwd=tmp_path).out
        assert len(written.strip()) >= 10
        log = aios("logs", f"notices/{task}", cwd=tmp_path).out
        assert len(re.findall(r"SmolLM2-135M-Instruct.Q4_1 said \(\d+ \+ \d+ tokens", log)) >= 2
        assert "data is Restricted" in log
