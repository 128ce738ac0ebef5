"""`aios plan` beside other installations on the same services; what it shows is in test_explain and the acceptance."""

import pytest

from aios.cli.plan import _obstacle
from aios.errors import AiosError, HeldElsewhereError, ServiceUnavailableError


async def asking(answer: AiosError | None) -> None:
    if answer is not None:
        raise answer


async def test_what_up_would_refuse_is_handed_on() -> None:
    refusal = HeldElsewhereError("Project/default/word-count: another installation ...")
    assert await _obstacle(asking(refusal)) is refusal
    assert await _obstacle(asking(None)) is None


async def test_a_journal_that_is_away_hides_no_plan(capsys: pytest.CaptureFixture[str]) -> None:
    assert await _obstacle(asking(ServiceUnavailableError("the object store at host did not answer"))) is None
    assert "not known whether another installation" in capsys.readouterr().err
