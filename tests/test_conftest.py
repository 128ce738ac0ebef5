"""What every test relies on without naming it."""

import os
from pathlib import Path

import pytest

from tests.conftest import PROGRAMS_FIXTURE, forget_the_user, rank


@pytest.mark.parametrize(
    "name", ["ANTHROPIC_API_KEY", "SOME_VENDOR_API_KEY", "AWS_SECRET_ACCESS_KEY", "AIOS_STATE_DIR", "OTEL_ENDPOINT"]
)
def test_no_test_sees_the_users_keys_and_settings(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "secret")
    monkeypatch.setenv("AIOS_TEST_CACHE", "/kept")

    forget_the_user()

    assert name not in os.environ
    assert os.environ["AIOS_TEST_CACHE"] == "/kept"


def test_no_test_sees_the_users_cluster() -> None:
    assert not Path(os.environ["KUBECONFIG"]).exists()


def test_what_needs_a_control_plane_runs_last_and_unit_tests_first() -> None:
    paths = {
        "unit": ("/", "src", "tests", "spec", "test_model.py"),
        "contract": ("/", "src", "tests", "contract", "test_journal.py"),
        "faults": ("/", "src", "tests", "faults", "test_sweep.py"),
    }
    ranks = [rank(path, ()) for path in paths.values()]

    assert ranks == sorted(set(ranks))
    assert rank(paths["unit"], (PROGRAMS_FIXTURE,)) > max(ranks)
