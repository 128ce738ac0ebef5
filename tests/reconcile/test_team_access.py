"""A team's workers are let in before there are any, and nobody is once the team is gone."""

from dataclasses import dataclass, field, replace

import pytest

from aios.errors import ServiceUnavailableError
from aios.reconcile.team import DRAIN_SECONDS
from aios.spec.base import Kind, Ref
from aios.spec.conditions import Reason
from aios.spec.team import AgentTeam
from tests.desired.building import member, model, ref, team
from tests.reconcile.laptop import Laptop

TEAM = ref(Kind.TEAM, "software")


@dataclass
class Access:
    """TeamAccess that remembers whom it let in, and how many agents there were then."""

    laptop: Laptop
    shared: str = ""
    is_away: bool = False
    given: list[tuple[str, int]] = field(default_factory=list)
    removed: list[Ref] = field(default_factory=list)
    is_worked_for: bool = False

    async def ensure(self, team: AgentTeam) -> str:
        if self.is_away:
            raise ServiceUnavailableError("the broker's management is away")
        self.given.append((team.metadata.name, len(await self.laptop.agents())))
        return self.shared

    async def remove(self, team: Ref) -> bool:
        self.removed.append(team)
        return not self.is_worked_for


@pytest.fixture
def access(laptop: Laptop) -> Access:
    made = Access(laptop)
    laptop.become(replace(laptop.world, access=made))
    return made


async def test_who_will_work_is_let_in_before_anybody_works(laptop: Laptop, access: Access) -> None:
    await laptop.apply(model(), team(member("a"), member("b")))
    await laptop.settle()
    assert access.given[0] == ("software", 0)
    assert (await laptop.condition(TEAM)).reason == Reason.RECONCILED


async def test_nobody_is_made_to_work_who_cannot_be_let_in(laptop: Laptop, access: Access) -> None:
    access.is_away = True
    await laptop.apply(model(), team(member("a")))
    with pytest.raises(ServiceUnavailableError):
        await laptop.reconciler.reconcile(TEAM)
    assert await laptop.agents() == []


async def test_nobody_is_let_in_for_a_deleted_team(laptop: Laptop, access: Access) -> None:
    await laptop.apply(model(), team(member("a")))
    await laptop.settle()
    assert access.removed == []
    await laptop.resources.delete(TEAM)
    await laptop.settle()
    assert set(access.removed) == {TEAM}


async def test_a_deleted_team_is_looked_after_until_its_last_worker_has_ended(laptop: Laptop, access: Access) -> None:
    access.is_worked_for = True
    assert await laptop.reconciler.reconcile(TEAM) == DRAIN_SECONDS
    access.is_worked_for = False
    assert await laptop.reconciler.reconcile(TEAM) is None


async def test_what_is_shared_is_said_in_the_status_and_told_once(laptop: Laptop, access: Access) -> None:
    access.shared = "Its workers share AIOS_OBJECTS_URL with the operator: the store makes no users."
    await laptop.apply(model(), team(member("a")))
    await laptop.settle()
    found = await laptop.condition(TEAM)
    assert (found.status, found.reason, found.message) == ("True", Reason.SHARED_CREDENTIALS, access.shared)
    told = [event for event in await laptop.resources.events(TEAM) if event.reason == Reason.SHARED_CREDENTIALS]
    assert [(event.type, event.message) for event in told] == [("Warning", access.shared)]
    access.shared = ""
    await laptop.settle()
    assert (await laptop.condition(TEAM)).reason == Reason.RECONCILED
