"""An attempt's files beside those that it may not see: none takes the place of another."""

from collections.abc import AsyncIterator

import pytest

from aios.agents.working_copy import WorkingCopy
from aios.spec.vocabulary import Privacy
from aios.workspace.manifest import FileEntry, Manifest
from aios.workspace.paths import UnsafePathError
from tests.agents.stage import Stage


@pytest.fixture
async def secrets(stage: Stage) -> AsyncIterator[WorkingCopy]:
    """A copy of a workspace with two files that the agent is not cleared for."""
    hidden = FileEntry("0" * 64, 1, privacy=Privacy.RESTRICTED)
    manifest = Manifest({"data": hidden, "reports/may": hidden})
    may_see = Privacy.INTERNAL.permits
    yield WorkingCopy(stage.workspace, stage.place / "copy", manifest=manifest, may_see=may_see)


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("data", "'data' exists and holds Restricted data"),
        ("data/x.txt", "'data' exists and holds Restricted data"),
        ("reports", "'reports' is a folder that holds Restricted data"),
    ],
)
async def test_nothing_stands_where_something_unseen_is(secrets: WorkingCopy, path: str, told: str) -> None:
    place = await secrets.open() / path
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text("mine")
    with pytest.raises(UnsafePathError, match=told):
        await secrets.keep(Privacy.PUBLIC)


async def test_what_stands_beside_it_is_kept(secrets: WorkingCopy) -> None:
    place = await secrets.open() / "reports" / "june"
    place.parent.mkdir()
    place.write_text("mine")
    await secrets.keep(Privacy.PUBLIC)
    assert sorted(secrets.manifest.files) == ["data", "reports/june", "reports/may"]
