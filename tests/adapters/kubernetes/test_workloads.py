"""Who still works for a team, as its Pods tell it: they outlive their Deployment by as long as a task takes."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import cast

import pytest

from aios.adapters.kubernetes.api import Api, Manifest
from aios.adapters.kubernetes.workloads import has_workers
from aios.naming import labels
from aios.spec.base import Kind
from tests.desired.building import ref

MADE = datetime(2026, 11, 28, 1, 0, tzinfo=UTC)
TEAM = ref(Kind.TEAM, "software")


class Pods:
    """One, of a team that is gone."""

    def __init__(self, phase: str = "Running") -> None:
        self.pod = {
            "metadata": {"labels": labels("software", "a"), "creationTimestamp": "2026-11-28T01:00:00Z"},
            "status": {"phase": phase},
        }

    async def list(self, kind: str, namespace: str, selector: Mapping[str, str]) -> Sequence[Manifest]:
        assert (kind, namespace) == ("Pod", "default")
        return [self.pod] if selector.items() <= labels("software", "a").items() else []


@pytest.mark.parametrize(("before", "expected"), [(None, True), (MADE, False), (MADE + timedelta(seconds=1), True)])
async def test_a_pod_works_for_its_team_whatever_became_of_its_deployment(
    before: datetime | None, expected: bool
) -> None:
    assert await has_workers(cast("Api", Pods()), TEAM, before) is expected
    assert not await has_workers(cast("Api", Pods()), ref(Kind.TEAM, "other"), None)


@pytest.mark.parametrize(("phase", "expected"), [("Pending", True), ("Succeeded", False), ("Failed", False)])
async def test_who_has_ended_works_no_more(phase: str, expected: bool) -> None:
    assert await has_workers(cast("Api", Pods(phase)), TEAM, None) is expected
