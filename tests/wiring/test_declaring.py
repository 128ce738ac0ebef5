"""Projects of two clusters over one journal, declared one by one."""

from pathlib import Path

import pytest

from aios.embedded.journal import SqliteJournal
from aios.errors import HeldElsewhereError
from aios.naming import ANNOTATION_TAKE_OVER
from aios.projects.holders import Holders, Installation
from aios.spec.project import Project
from aios.wiring.declaring import project_declarer
from tests.desired.building import project


class Cluster:
    """A cluster's holders, counting how often they were asked for."""

    def __init__(self, journal: SqliteJournal, name: str) -> None:
        self.holders = Holders(journal, Installation.of_cluster(name))
        self.asked = 0
        self.declare = project_declarer(self._get)

    async def _get(self) -> Holders:
        self.asked += 1
        return self.holders


@pytest.fixture
def clusters(tmp_path: Path) -> tuple[Cluster, Cluster]:
    journal = SqliteJournal(tmp_path / "journal.db")
    return Cluster(journal, "one"), Cluster(journal, "two")


def taking_over(taken: Project) -> Project:
    annotated = taken.metadata.model_copy(update={"annotations": {ANNOTATION_TAKE_OVER: "true"}})
    return taken.model_copy(update={"metadata": annotated})


async def test_a_project_is_declared_once_for_each_thing_it_says(clusters: tuple[Cluster, Cluster]) -> None:
    one, _ = clusters
    for _ in range(3):
        await one.declare(project())
    assert one.asked == 1
    await one.declare(project(goal="Something else."))
    assert one.asked == 2


async def test_the_second_cluster_is_told_how_to_take_over_and_may(clusters: tuple[Cluster, Cluster]) -> None:
    one, two = clusters
    await one.declare(project())
    other = project(goal="Something else.")
    with pytest.raises(HeldElsewhereError, match=f"Kubernetes cluster one.*{ANNOTATION_TAKE_OVER}=true"):
        await two.declare(other)
    await two.declare(taking_over(other))
    assert not await one.holders.ours(other.ref)
