"""From resources to candidates, from tasks to needs."""

import pytest

from aios.routing.build import build_candidates, default_complexity, need_of
from aios.spec.base import Condition
from aios.spec.model import ModelStatus
from aios.spec.vocabulary import Locality, Privacy, Tier, Tool
from aios.tasks.task import Task
from tests.projects.building import MODELS, build_team, task


def test_every_member_stands_with_each_of_its_models_in_order() -> None:
    built = build_candidates(build_team(), MODELS)
    assert [(one.member, one.model, one.seat, one.position) for one in built] == [
        ("architect", "strong", 0, 0),
        ("developer", "local", 1, 0),
        ("developer", "strong", 1, 1),
        ("writer", "local", 2, 0),
    ]
    strong = built[0]
    assert (strong.locality, strong.model_clearance) == (Locality.CLOUD, Privacy.INTERNAL)


def test_a_model_that_does_not_exist_makes_no_candidate() -> None:
    assert {one.model for one in build_candidates(build_team(), MODELS[:1])} == {"local"}


def test_a_model_that_is_not_ready_and_a_member_without_replicas_are_unhealthy() -> None:
    refused = ModelStatus(conditions=(Condition(type="Ready", status="False", reason="InvalidScript"),))
    models = (MODELS[0], MODELS[1].model_copy(update={"status": refused}))
    built = build_candidates(build_team(), models, absent=("writer",))
    assert {(one.member, one.model) for one in built if one.healthy} == {("developer", "local")}


@pytest.mark.parametrize(
    ("more", "complexity"),
    [
        ({}, 5),
        ({"tier": "Support"}, 3),
        ({"member": "architect"}, 8),
        ({"member": "architect", "complexity": 2}, 2),
    ],
)
def test_complexity_is_stated_or_follows_the_tier(more: dict[str, object], complexity: int) -> None:
    tiers = {"architect": Tier.STRATEGIC}
    assert default_complexity(task("a", **more), tiers) == complexity


def test_outputs_need_files_and_a_check_needs_its_program() -> None:
    need = need_of(Task(name="a", goal="g", instructions="i", outputs=("*.py",), check=("python3", "-m", "unittest")))
    assert need.tools == {Tool.FILES}
    assert need.commands == {"python3"}
