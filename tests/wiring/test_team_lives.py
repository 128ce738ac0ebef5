"""Whoever works is let in until it has ended, although its team was made again or has other passwords by now: a call
whose end it could not record would be paid again."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from aios.embedded.resources import SqliteResources
from aios.errors import EnvironmentProblemError
from aios.naming import digest
from aios.ports.access import Grantee
from aios.spec.team import AgentTeam
from aios.wiring.team_access import ServicesAccess
from tests.desired.building import team
from tests.wiring.team_installation import ANOTHER_KEY, KEY, OURS, ApiServer, Installation, Users, grantee

QUOTA = EnvironmentProblemError("create Secret: exceeded quota")


@dataclass
class Rotation:
    """A team at work, by whom another key was found than the one it was let in with."""

    here: Installation
    access: ServicesAccess
    team: AgentTeam
    former_secret: str
    former_password: str

    @property
    def server(self) -> ApiServer:
        return self.here.server

    @property
    def former(self) -> Grantee:
        return grantee(self.team, KEY)

    @property
    def present(self) -> Grantee:
        return grantee(self.team, ANOTHER_KEY)

    @property
    def secret(self) -> str:
        """What was made last."""
        return [*self.server.made][-1]

    def users(self) -> set[Grantee]:
        broker, objects = set(self.here.broker.passwords), set(self.here.objects.passwords)
        assert broker == objects
        return broker

    async def resync(self) -> None:
        self.access.forget_all()
        await self.access.sweep()
        await self.access.ensure(self.team)


@pytest.fixture
async def rotated(tmp_path: Path) -> AsyncIterator[Rotation]:
    resources = SqliteResources(tmp_path / "resources.db")
    here = Installation(resources)
    access, stored = here.access(), await here.stored(team())
    await access.ensure(stored)
    (secret,) = here.server.made
    here.server.deploy(secret)
    here.server.run(secret)
    here.server.key = ANOTHER_KEY
    yield Rotation(here, access, stored, secret, here.broker.passwords[grantee(stored)])
    await resources.close()


async def test_another_key_makes_new_users_and_leaves_the_former_ones_their_passwords(rotated: Rotation) -> None:
    await rotated.resync()
    assert rotated.users() == {rotated.former, rotated.present}
    assert rotated.here.broker.passwords[rotated.former] == rotated.former_password
    assert rotated.here.broker.passwords[rotated.present] != rotated.former_password
    assert rotated.secret != rotated.former_secret


async def test_the_former_users_go_with_the_last_pod_that_reads_their_secret(rotated: Rotation) -> None:
    await rotated.resync()
    rotated.server.deploy(rotated.secret)
    rotated.server.run(rotated.secret)
    await rotated.resync()
    assert rotated.former in rotated.users(), "one pod finishes its task"
    rotated.server.pods.pop(0)
    await rotated.resync()
    assert rotated.users() == {rotated.present}


async def test_a_pod_that_has_ended_holds_nobody(rotated: Rotation) -> None:
    await rotated.resync()
    rotated.server.deploy(rotated.secret)
    rotated.server.pods.clear()
    rotated.server.run(rotated.former_secret, phase="Succeeded")
    await rotated.resync()
    assert rotated.users() == {rotated.present}


async def test_a_deployment_that_still_makes_pods_with_the_former_secret_holds_its_user(rotated: Rotation) -> None:
    await rotated.resync()
    rotated.server.pods.clear()
    await rotated.resync()
    assert rotated.former in rotated.users()


async def test_who_was_refused_another_secret_goes_on_with_the_former_user(rotated: Rotation) -> None:
    """Its pods may be younger than the key: their age says nothing."""
    rotated.server.trouble = QUOTA
    for _ in range(2):
        await rotated.resync()
        rotated.server.pods.clear()
        rotated.server.run(rotated.former_secret)
    assert rotated.former in rotated.users()


async def test_an_operator_that_starts_anew_takes_nothing_from_who_works(rotated: Rotation) -> None:
    rotated.access = rotated.here.access()
    await rotated.access.sweep()
    await rotated.resync()
    assert rotated.users() == {rotated.former, rotated.present}


async def test_an_operator_that_starts_anew_removes_at_once_whom_nobody_needs(rotated: Rotation) -> None:
    await rotated.resync()
    rotated.server.deploy(rotated.secret)
    rotated.server.pods.clear()
    await rotated.here.access().sweep()
    assert rotated.users() == {rotated.present}


async def test_an_operator_that_has_not_heard_of_the_key_takes_nothing_from_who_was_let_in_by_it(
    rotated: Rotation,
) -> None:
    """Operators take turns, and one reads the key again only when it doubts it."""
    other = rotated.here.access()
    await other.ensure(rotated.team)
    rotated.server.pods.clear()
    rotated.server.deploy(rotated.secret)
    rotated.server.run(rotated.secret)
    await rotated.access.sweep()
    assert rotated.present in rotated.users()


class Slow(Users):
    """It lets somebody in, and its answer is late."""

    def __init__(self) -> None:
        super().__init__()
        self.is_asked, self.may_answer = asyncio.Event(), asyncio.Event()

    async def grant(self, grantee: Grantee, password: str) -> str:
        self.is_asked.set()
        await self.may_answer.wait()
        return await super().grant(grantee, password)


async def test_another_key_that_comes_while_a_service_is_slow_takes_nothing_from_who_works(rotated: Rotation) -> None:
    rotated.server.key = KEY
    rotated.here.broker = slow = Slow()
    rotated.access = rotated.here.access()
    asking = asyncio.create_task(rotated.access.ensure(rotated.team))
    await slow.is_asked.wait()
    rotated.server.key = ANOTHER_KEY
    rotated.access.forget_all()
    slow.may_answer.set()
    await asking
    rotated.server.deploy(rotated.secret)
    rotated.server.pods.clear()
    rotated.server.run(rotated.secret)
    await rotated.access.sweep()
    assert rotated.former in rotated.users(), "of whom this Secret speaks, too"


async def test_users_of_before_the_key_counted_are_removed_as_those_of_an_earlier_life(rotated: Rotation) -> None:
    uid = rotated.team.metadata.uid
    before = Grantee("default", "software", OURS + digest(uid)[:8])
    for users in (rotated.here.broker, rotated.here.objects):
        users.passwords[before] = "as it was"
    rotated.server.pods.clear()
    rotated.server.run("aios-services-software-0123456789")
    await rotated.resync()
    assert rotated.here.broker.passwords[before] == "as it was"
    rotated.server.deploy(rotated.secret)
    rotated.server.pods.clear()
    await rotated.resync()
    assert rotated.users() == {rotated.present}


async def test_whose_workers_all_share_needs_no_earlier_user(rotated: Rotation) -> None:
    rotated.server.trouble = QUOTA
    rotated.server.pods.clear()
    rotated.server.deploy("")
    rotated.server.run("")
    await rotated.resync()
    assert rotated.users() == {rotated.present}


async def test_a_team_that_is_made_again_takes_nothing_from_who_works_for_its_earlier_life(rotated: Rotation) -> None:
    rotated.server.key = KEY
    earlier = rotated.former
    await rotated.here.resources.delete(rotated.team.ref)
    rotated.team = again = await rotated.here.stored(team())
    assert grantee(again) != earlier
    await rotated.access.ensure(again)
    rotated.server.deploy(rotated.secret)
    rotated.server.run(rotated.secret)
    await rotated.resync()
    assert rotated.users() == {earlier, grantee(again)}
    assert rotated.here.broker.passwords[earlier] == rotated.former_password
    rotated.server.pods.pop(0)
    await rotated.resync()
    assert rotated.users() == {grantee(again)}
