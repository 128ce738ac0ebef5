"""What our manager states of a resource, and what an Event says."""

from datetime import UTC, datetime

from aios.adapters.kubernetes.events import build_event
from aios.adapters.kubernetes.resources import to_manifest
from aios.desired.build import build_agents
from tests.desired.building import project, team

ABOUT = {
    "apiVersion": "aios.dev/v1alpha1",
    "kind": "Project",
    "metadata": {"name": "word-count", "namespace": "n", "uid": "u"},
}
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def test_only_what_was_stated_is_applied_so_that_defaults_stay_nobodys() -> None:
    assert to_manifest(project())["spec"] == {"team": "software", "goal": "Count."}


def test_an_agent_states_all_of_its_spec_and_its_owner() -> None:
    stated = to_manifest(build_agents(team())[0])
    assert stated["spec"] == {"team": "software", "member": "developer", "replicas": 1}
    assert stated["metadata"]["ownerReferences"][0]["blockOwnerDeletion"] is True
    assert "status" not in stated


def test_the_same_said_again_has_the_same_name_and_another_thing_another() -> None:
    names = [
        build_event(ABOUT, kind="Normal", reason="Accepted", message=message, now=NOW)["metadata"]["name"]
        for message in ("one", "one", "two")
    ]
    assert names[0] == names[1] != names[2]


def test_a_note_fits_into_an_event() -> None:
    event = build_event(ABOUT, kind="Warning", reason="InvalidSpec", message="x" * 5000, now=NOW)
    assert len(event["note"]) == 1024
    assert event["regarding"]["uid"] == "u"
