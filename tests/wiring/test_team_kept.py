"""Workers keep the credentials they have when these cannot be made sure of; that is told, and nobody starts anew."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from aios.desired.build import build_workers
from aios.desired.nouns import Worker
from aios.embedded.resources import SqliteResources
from aios.errors import EnvironmentProblemError, ServiceUnavailableError
from aios.ports.access import Grantee, NoUsersError
from aios.spec.team import AgentTeam
from aios.wiring.team_access import ServicesAccess
from tests.desired.building import lookup, member, model, team
from tests.wiring.team_installation import OURS, Installation

QUOTA = EnvironmentProblemError("create Secret: exceeded quota")


@dataclass
class AtWork:
    """A team whose workers have a Secret of their own."""

    here: Installation
    access: ServicesAccess
    team: AgentTeam
    worker: Worker
    secret: str


@pytest.fixture
async def at_work(tmp_path: Path) -> AsyncIterator[AtWork]:
    resources = SqliteResources(tmp_path / "resources.db")
    here = Installation(resources)
    access, stored = here.access(), await here.stored(team())
    (worker,) = build_workers(stored, lookup(model("local")))
    secret = await access.secret(worker)
    here.server.deploy(secret, agent=worker.agent)
    yield AtWork(here, access, stored, worker, secret)
    await resources.close()


async def _is_kept(at_work: AtWork) -> str:
    """What is told about it."""
    said = await at_work.access.ensure(at_work.team)
    assert await at_work.access.secret(at_work.worker) == at_work.secret
    assert f"keep the Secret that they have, {at_work.secret}," in said
    assert "rollout restart" not in said, "there is nothing for them to read anew"
    return said


async def test_a_passing_refusal_takes_the_secret_from_nobody(at_work: AtWork) -> None:
    at_work.here.server.trouble = QUOTA
    at_work.access.forget_all()
    assert "exceeded quota" in await _is_kept(at_work)
    at_work.access.forget_all()
    await _is_kept(at_work)
    at_work.here.server.trouble = None
    at_work.access.forget_all()
    assert await at_work.access.ensure(at_work.team) == ""
    assert await at_work.access.secret(at_work.worker) == at_work.secret


async def test_an_operator_that_starts_anew_finds_the_secret_where_it_is_read(at_work: AtWork) -> None:
    at_work.here.server.trouble = QUOTA
    at_work.access = at_work.here.access()
    assert "exceeded quota" in await _is_kept(at_work)


async def test_each_keeps_its_own_where_a_change_was_half_done(at_work: AtWork) -> None:
    _, other = build_workers(team(member(), member("other")), lookup(model("local")))
    former = "aios-services-software-0123456789"
    at_work.here.server.deploy(former, agent=other.agent)
    at_work.here.server.trouble = QUOTA
    access = at_work.here.access()
    assert " or ".join(sorted([former, at_work.secret])) in await access.ensure(at_work.team)
    assert await access.secret(at_work.worker) == at_work.secret
    assert await access.secret(other) == former


async def test_a_member_that_is_new_gets_what_the_others_have(at_work: AtWork) -> None:
    at_work.here.server.trouble = QUOTA
    at_work.access.forget_all()
    _, added = build_workers(team(member(), member("added")), lookup(model("local")))
    assert "Members without one" not in await at_work.access.ensure(at_work.team)
    assert await at_work.access.secret(added) == at_work.secret


async def test_a_member_that_is_new_shares_where_an_operator_starts_anew_and_it_is_said(at_work: AtWork) -> None:
    at_work.here.server.trouble = QUOTA
    access = at_work.here.access()
    assert "Members without one share aios-services" in await access.ensure(at_work.team)
    _, added = build_workers(team(member(), member("added")), lookup(model("local")))
    assert await access.secret(added) == ""


@pytest.mark.parametrize("port", ["broker", "objects"])
async def test_a_service_that_suddenly_makes_no_users_takes_nothing_either(at_work: AtWork, port: str) -> None:
    """Its users are there as they were; a Secret without its URL would say that they are not."""
    getattr(at_work.here, port).trouble = NoUsersError("the administrator is refused")
    at_work.access.forget_all()
    assert "the administrator is refused" in await _is_kept(at_work)
    assert [*at_work.here.server.made] == [at_work.secret]


async def test_an_unreadable_key_takes_nothing_either(at_work: AtWork) -> None:
    at_work.here.server.key = b"short"
    at_work.access.forget_all()
    assert "holds no key" in await _is_kept(at_work)


async def test_what_an_earlier_life_had_is_not_handed_on(at_work: AtWork) -> None:
    at_work.here.server.trouble = QUOTA
    at_work.here.server.deployments.clear()
    said = await at_work.access.ensure(team(uid="made-again"))
    assert "share the Secret aios-services of their namespace" in said
    assert await at_work.access.secret(at_work.worker) == ""


async def test_a_team_that_is_being_deleted_keeps_what_it_has(at_work: AtWork, monkeypatch: pytest.MonkeyPatch) -> None:
    metadata = at_work.team.metadata.model_copy(update={"deletion_timestamp": datetime.now(UTC)})
    going = at_work.team.model_copy(update={"metadata": metadata})

    async def get(_: object) -> AgentTeam:
        return going

    monkeypatch.setattr(at_work.here.resources, "get", get)
    at_work.access.forget_all()
    at_work.here.broker.passwords[Grantee("default", "software", OURS, "0123abcd")] = "of an earlier life"
    granted = at_work.here.broker.granted
    assert await at_work.access.secret(at_work.worker) == at_work.secret
    await at_work.access.sweep()
    assert at_work.here.broker.granted == granted, "nobody is let in anew"
    assert len(at_work.here.broker.passwords) == 2


async def test_what_is_away_is_waited_for_and_then_given_as_before(at_work: AtWork) -> None:
    at_work.here.broker.trouble = ServiceUnavailableError("away")
    at_work.access.forget_all()
    with pytest.raises(ServiceUnavailableError):
        await at_work.access.secret(at_work.worker)
    at_work.here.broker.trouble = None
    assert await at_work.access.secret(at_work.worker) == at_work.secret
