"""A state folder's truth is where it was: never a second, empty journal under the same projects."""

from pathlib import Path

import pytest

from aios.embedded.state_folder import StateFolder
from aios.errors import EnvironmentProblemError
from aios.wiring.credentials import FoundCredentials
from aios.wiring.doctor import Verdict, examine
from aios.wiring.services import Services
from aios.wiring.truth import compare, keep_to

REMOTE = Services(objects="s3+http://k:secret@127.0.0.1:9000", journal="s3+http://k:secret@127.0.0.1:9000")


@pytest.fixture
def state(tmp_path: Path) -> StateFolder:
    folder = StateFolder(tmp_path / ".aios")
    folder.open()
    return folder


def test_an_embedded_folder_needs_no_card(state: StateFolder) -> None:
    keep_to(state, Services())
    assert not state.services.exists()


def test_the_same_services_are_taken_again_and_again_with_new_passwords_too(state: StateFolder) -> None:
    keep_to(state, REMOTE)
    keep_to(state, REMOTE)
    url = "s3+http://k:rotated@127.0.0.1:9000"
    keep_to(state, Services(objects=url, journal=url))
    assert "secret" not in state.services.read_text()


def test_a_folder_whose_journal_is_elsewhere_is_not_opened_over_an_empty_one(state: StateFolder) -> None:
    keep_to(state, REMOTE)
    with pytest.raises(EnvironmentProblemError, match="AIOS_JOURNAL_URL") as refused:
        keep_to(state, Services())
    assert "s3+http://127.0.0.1:9000" in str(refused.value)


def test_a_folder_that_has_an_embedded_journal_is_not_continued_elsewhere(state: StateFolder) -> None:
    state.journal.write_bytes(b"")
    with pytest.raises(EnvironmentProblemError, match="in the state folder itself"):
        keep_to(state, REMOTE)


def test_broker_and_sessions_may_change_because_they_hold_no_truth(state: StateFolder) -> None:
    keep_to(state, REMOTE)
    keep_to(state, Services(broker="amqp://127.0.0.1", objects=REMOTE.objects, journal=REMOTE.journal))


def test_a_crash_while_the_card_is_written_leaves_a_folder_that_can_be_opened(
    state: StateFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(_: int) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", die)
        with pytest.raises(KeyboardInterrupt):
            keep_to(state, REMOTE)
    keep_to(state, REMOTE)
    keep_to(state, REMOTE)


async def test_the_doctor_tells_it_before_anything_is_refused_and_writes_nothing(state: StateFolder) -> None:
    async def verdict() -> str:
        return (await examine(state, Services(), (), FoundCredentials()))[0].verdict

    assert await verdict() == Verdict.WELL
    compare(state, REMOTE)
    assert await verdict() == Verdict.WELL, "looking remembers nothing"
    keep_to(state, REMOTE)
    assert await verdict() == Verdict.PROBLEM


def test_a_damaged_card_is_an_error_and_no_new_beginning(state: StateFolder) -> None:
    state.services.write_text("{")
    with pytest.raises(EnvironmentProblemError, match="damaged"):
        keep_to(state, REMOTE)
