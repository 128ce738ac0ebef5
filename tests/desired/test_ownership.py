"""Who scaled an Agent, by server-side apply's book-keeping."""

from typing import Any

import pytest

from aios.desired.build import build_agents
from aios.desired.ownership import foreign_scaler, owned_fields, wanted_replicas
from aios.spec.agent import Agent
from aios.spec.base import ManagedFields
from tests.desired.building import team

REPLICAS: dict[str, Any] = {"f:spec": {"f:replicas": {}}}


def agent(*managers: dict[str, Any]) -> Agent:
    made = build_agents(team())[0]
    entries = tuple(ManagedFields.model_validate({"fieldsV1": REPLICAS, **entry}) for entry in managers)
    metadata = made.metadata.model_copy(update={"managed_fields": entries})
    spec = made.spec.model_copy(update={"replicas": 4})
    return made.model_copy(update={"metadata": metadata, "spec": spec})


@pytest.mark.parametrize(
    ("manager", "foreign"),
    [
        ({"manager": "aios-operator", "operation": "Apply"}, None),
        ({"manager": "kubectl", "operation": "Update", "subresource": "scale"}, "kubectl"),
        (
            {"manager": "kube-controller-manager", "operation": "Update", "subresource": "scale"},
            "kube-controller-manager",
        ),
        ({"manager": "kubectl-edit", "operation": "Update"}, "kubectl-edit"),
        ({"manager": "kubectl-label", "operation": "Update", "fieldsV1": {"f:metadata": {}}}, None),
    ],
)
def test_a_foreign_owner_of_replicas_is_respected(manager: dict[str, Any], foreign: str | None) -> None:
    live = agent(manager)
    assert foreign_scaler(live) == foreign
    assert wanted_replicas(1, live) == (4 if foreign else 1)


def test_a_new_agent_gets_the_teams_value() -> None:
    assert wanted_replicas(2, None) == 2


def test_what_we_own_is_found_by_manager_and_subresource() -> None:
    live = agent({"manager": "aios-operator", "operation": "Apply"})
    assert owned_fields(live.metadata) == REPLICAS
    assert owned_fields(live.metadata, subresource="status") == {}
