"""Which credentials a team's workers get, whatever the services can and the cluster allows."""

from collections.abc import AsyncIterator, Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import cast

import pytest

from aios.adapters.kubernetes.api import Api
from aios.adapters.kubernetes.team_secrets import TeamSecrets
from aios.desired.build import build_workers
from aios.embedded.resources import SqliteResources
from aios.errors import EnvironmentProblemError, ServiceUnavailableError
from aios.naming import digest
from aios.ports.access import Grantee, NoUsersError
from aios.spec.base import Kind, Ref
from aios.spec.team import AgentTeam
from aios.wiring.services import Services, with_credentials
from aios.wiring.team_access import ServicesAccess, open_users
from tests.desired.building import lookup, member, model, ref, team
from tests.servers.tls import Authorities

SERVICES = Services(
    broker="amqp://admin:admin-broker@broker:5672/v",
    broker_admin="http://admin:admin-management@broker:15672",
    objects="s3+https://admin:admin-objects@store:9000?prefix=x-",
    journal="s3+https://admin:admin-objects@store:9000?prefix=x-",
    sessions="redis://sessions:6379/0",
    knowledge="http://:admin-knowledge@memory:6333",
)
OURS = digest("uid-of-the-cluster")[:8]


def grantee(of: AgentTeam) -> Grantee:
    return Grantee("default", of.metadata.name, OURS + digest(of.metadata.uid)[:8])


SOFTWARE = grantee(team())


@dataclass
class Users:
    """ServiceUsers that remembers passwords."""

    trouble: Exception | None = None
    passwords: dict[Grantee, str] = field(default_factory=dict)
    granted: int = 0

    async def grant(self, grantee: Grantee, password: str) -> str:
        if self.trouble is not None:
            raise self.trouble
        self.granted += 1
        self.passwords[grantee] = password
        return grantee.user

    async def revoke(self, grantee: Grantee) -> None:
        if self.trouble is not None:
            raise self.trouble
        self.passwords.pop(grantee, None)

    async def grantees(self) -> Collection[Grantee]:
        if self.trouble is not None:
            raise self.trouble
        return tuple(self.passwords)


class Secrets(TeamSecrets):
    """Those of an API server that a test can read."""

    def __init__(self, secret_key: bytes = b"k" * 32) -> None:
        super().__init__(cast("Api", None), "aios-system")
        self.secret_key, self.made = secret_key, dict[str, Mapping[str, str]]()
        self.trouble: Exception | None = None

    async def key(self) -> bytes:
        return self.secret_key

    async def make(self, team: AgentTeam, data: Mapping[str, str]) -> str:
        if self.trouble is not None:
            raise self.trouble
        name = f"{team.metadata.name}-{len(self.made)}"
        self.made[name] = data
        return name


@dataclass
class Installation:
    resources: SqliteResources
    secrets: Secrets = field(default_factory=Secrets)
    broker: Users = field(default_factory=Users)
    objects: Users = field(default_factory=Users)
    trouble: Exception | None = None
    services: Services = SERVICES
    workers: list[datetime] = field(default_factory=list)
    """When each was made."""

    def access(self) -> ServicesAccess:
        return ServicesAccess(
            self.services,
            {"broker": self.broker, "objects": self.objects},
            secrets=self.secrets,
            resources=self.resources,
            identity=self.identity,
            has_workers=self.has_workers,
        )

    async def has_workers(self, _: Ref, before: datetime | None) -> bool:
        return any(before is None or made < before for made in self.workers)

    async def identity(self) -> str:
        if self.trouble is not None:
            raise self.trouble
        return "uid-of-the-cluster"


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Installation]:
    resources = SqliteResources(tmp_path / "resources.db")
    yield Installation(resources)
    await resources.close()


async def test_everything_that_knows_users_gets_one_of_the_teams(here: Installation) -> None:
    assert await here.access().ensure(team()) == ""
    (urls,) = here.secrets.made.values()
    objects = f"s3+https://{SOFTWARE.user}:{here.objects.passwords[SOFTWARE]}@store:9000?prefix=x-"
    assert urls == {
        "AIOS_BROKER_URL": f"amqp://{SOFTWARE.user}:{here.broker.passwords[SOFTWARE]}@broker:5672/v",
        "AIOS_OBJECTS_URL": objects,
        "AIOS_JOURNAL_URL": objects,
        "AIOS_SESSIONS_URL": SERVICES.sessions,
        "AIOS_KNOWLEDGE_URL": SERVICES.knowledge,
    }


async def test_no_password_serves_twice(here: Installation) -> None:
    access = here.access()
    await access.ensure(team())
    found = {here.broker.passwords[SOFTWARE], here.objects.passwords[SOFTWARE]}
    for other in (team(name="other"), team(uid="made-again")):
        await access.ensure(other)
    found |= {*here.broker.passwords.values(), *here.objects.passwords.values()}
    here.secrets.secret_key = b"another-key-of-another-installation"
    access.forget_all()
    await access.ensure(team())
    found |= {*here.broker.passwords.values(), *here.objects.passwords.values()}
    assert len(found) == 8
    assert all(len(password) == 40 for password in found)


async def test_a_restart_arrives_at_the_same(here: Installation) -> None:
    for _ in range(2):
        await here.access().ensure(team())
    first, second = here.secrets.made.values()
    assert first == second


async def test_what_was_given_is_given_once_until_it_is_doubted(here: Installation) -> None:
    access = here.access()
    for _ in range(3):
        await access.ensure(team())
    assert here.broker.granted == 1
    access.forget_all()
    await access.ensure(team())
    assert here.broker.granted == 2


async def test_nobody_is_given_the_operators_key_to_a_service_that_makes_no_users(here: Installation) -> None:
    here.objects.trouble = NoUsersError("the store makes none")
    said = await here.access().ensure(team())
    assert "need AIOS_OBJECTS_URL in the Secret aios-services of their namespace" in said
    assert "the store makes none" in said
    (urls,) = here.secrets.made.values()
    assert urls.keys() == {"AIOS_BROKER_URL", "AIOS_SESSIONS_URL", "AIOS_KNOWLEDGE_URL"}
    assert "admin" not in urls["AIOS_BROKER_URL"]


async def test_what_the_operator_does_not_state_hides_nothing_that_the_namespace_states(here: Installation) -> None:
    here.services = replace(SERVICES, knowledge="")
    await here.access().ensure(team())
    (urls,) = here.secrets.made.values()
    assert all(urls.values())
    assert not {"AIOS_KNOWLEDGE_URL", "AIOS_EMBEDDINGS_URL"} & urls.keys()


async def test_a_certificate_of_the_operators_stands_in_nobodys_way_where_its_url_is_not_given(
    here: Installation, authorities: Authorities
) -> None:
    ours = authorities.ours
    url = f"s3+https://admin:admin@store:9000?certfile={ours.certificate}&keyfile={ours.key}"
    here.services = replace(SERVICES, objects=url, journal=url)
    here.objects.trouble = NoUsersError("the store makes none")
    await here.access().ensure(team())
    (urls,) = here.secrets.made.values()
    assert "AIOS_BROKER_URL" in urls


async def test_a_team_is_given_the_authority_with_its_own_user(here: Installation, authorities: Authorities) -> None:
    trusting = f"amqps://admin:admin@broker:5671/v?cafile={authorities.ours.authority}"
    here.services = replace(SERVICES, broker=trusting, broker_admin=f"https://admin@broker?cafile={here}")
    assert await here.access().ensure(team()) == ""
    (told,) = here.secrets.made.values()
    password = here.broker.passwords[SOFTWARE]
    expected = f"amqps://{SOFTWARE.user}:{password}@broker:5671/v?cafile=/var/run/aios/team/ca.crt"
    assert told["AIOS_BROKER_URL"] == expected
    assert told["ca.crt"] == authorities.ours.authority.read_text()


async def test_an_authority_that_cannot_be_given_is_told(here: Installation, tmp_path: Path) -> None:
    here.services = replace(SERVICES, sessions=f"rediss://h/0?cafile={tmp_path}/none.pem")
    said = await here.access().ensure(team())
    assert "share the Secret aios-services" in said
    assert "none.pem" in said
    assert not here.secrets.made


async def test_a_cluster_that_allows_no_secrets_leaves_the_shared_one(here: Installation) -> None:
    here.secrets.trouble = EnvironmentProblemError("create Secret: forbidden")
    access = here.access()
    assert "forbidden" in await access.ensure(team())
    (worker,) = build_workers(team(), lookup(model("local")))
    assert await access.secret(worker) == ""


async def test_a_service_that_is_away_is_waited_for(here: Installation) -> None:
    access = here.access()
    here.broker.trouble = ServiceUnavailableError("away")
    with pytest.raises(ServiceUnavailableError):
        await access.ensure(team())
    here.broker.trouble = None
    assert await access.ensure(team()) == ""


async def test_pods_learn_their_secret_from_whoever_asks_first(here: Installation) -> None:
    """After a restart an Agent may be looked at before its team."""
    (worker,) = build_workers(team(), lookup(model("local")))
    access = here.access()
    assert await access.secret(worker) == "", "no team, no access"
    await here.resources.apply(team())
    assert await access.secret(worker) == "software-0"
    found = await here.resources.get(ref(Kind.TEAM, "software"))
    assert isinstance(found, AgentTeam)
    await access.ensure(found)
    assert list(here.secrets.made) == ["software-0"]


async def test_nobody_is_let_in_for_a_team_that_is_gone(here: Installation) -> None:
    access = here.access()
    for one in (team(), team(name="other")):
        await access.ensure(one)
    assert await access.remove(team().ref)
    assert set(here.broker.passwords) == set(here.objects.passwords) == {grantee(team(name="other"))}


async def test_who_finishes_a_task_of_a_deleted_team_is_let_in_until_it_has_ended(here: Installation) -> None:
    access, here.workers = here.access(), [datetime.now(UTC)]
    await access.ensure(team())
    assert not await access.remove(team().ref)
    await access.sweep()
    assert set(here.broker.passwords) == set(here.objects.passwords) == {SOFTWARE}
    here.workers.clear()
    assert await access.remove(team().ref)
    assert here.broker.passwords == here.objects.passwords == {}


async def test_a_team_that_is_made_again_takes_nothing_from_who_works_for_its_earlier_life(here: Installation) -> None:
    access, now = here.access(), datetime.now(UTC)
    await access.ensure(team())
    before = here.broker.passwords[SOFTWARE]
    again = team(uid="made-again")
    again = again.model_copy(update={"metadata": again.metadata.model_copy(update={"creation_timestamp": now})})
    await here.resources.apply(again)
    stored = await here.resources.get(again.ref)
    assert isinstance(stored, AgentTeam)
    made = stored.metadata.creation_timestamp
    assert made is not None
    await access.ensure(stored)
    here.workers = [made - timedelta(minutes=1), made + timedelta(minutes=1)]
    await access.sweep()
    assert here.broker.passwords[SOFTWARE] == before
    here.workers.pop(0)
    await access.sweep()
    assert set(here.broker.passwords) == set(here.objects.passwords) == {grantee(stored)}


async def test_removing_what_was_never_made_is_no_trouble(here: Installation) -> None:
    here.objects.trouble = NoUsersError("the store makes none")
    assert await here.access().remove(ref(Kind.TEAM, "software"))


async def test_who_may_not_be_told_apart_has_nothing_of_its_own(here: Installation) -> None:
    here.trouble = EnvironmentProblemError("get Namespace kube-system: forbidden")
    access = here.access()
    assert "kube-system" in await access.ensure(team())
    await access.remove(ref(Kind.TEAM, "software"))
    await access.sweep()


async def test_whoever_was_deleted_unseen_is_swept_and_nobody_else(here: Installation) -> None:
    namesake = Grantee("default", "gone", "there")
    access = here.access()
    await here.resources.apply(team())
    stays = await here.resources.get(team().ref)
    assert isinstance(stays, AgentTeam)
    for one in (stays, team(name="gone")):
        await access.ensure(one)
    here.broker.passwords[namesake] = "of another installation"
    here.objects.trouble = ServiceUnavailableError("away")
    await here.access().sweep()
    assert set(here.broker.passwords) == {grantee(stays), namesake}
    here.objects.trouble = None
    await here.access().sweep()
    assert set(here.objects.passwords) == {grantee(stays)}


def test_a_journal_elsewhere_has_users_of_its_own() -> None:
    assert open_users(SERVICES).keys() == {"broker", "objects"}
    apart = Services(SERVICES.broker, "", SERVICES.objects, "s3+http://admin:other@journal:9000", SERVICES.sessions)
    assert open_users(apart).keys() == {"broker", "objects", "journal"}


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("amqps://a:b@[::1]:5671/v%2Fh?cafile=/x", "amqps://aios.n.t%40v:p%2Fw@[::1]:5671/v%2Fh?cafile=/x"),
        ("s3+http://store?prefix=x-", "s3+http://aios.n.t%40v:p%2Fw@store?prefix=x-"),
    ],
)
def test_another_user_at_the_same_server(url: str, expected: str) -> None:
    assert with_credentials(url, "aios.n.t@v", "p/w") == expected


async def test_the_shared_sentence_ends_as_sentences_do(here: Installation) -> None:
    here.broker.trouble, here.objects.trouble = NoUsersError("one"), NoUsersError("other")
    said = await here.access().ensure(team(member("a")))
    assert said.count(". ") == 2
    assert said.endswith(".")


@pytest.mark.parametrize("secrets_allowed", [True, False])
async def test_who_shares_a_secret_is_told_how_its_pods_come_to_read_it(
    here: Installation, secrets_allowed: bool
) -> None:
    here.objects.trouble = NoUsersError("the store makes none")
    here.secrets.trouble = None if secrets_allowed else EnvironmentProblemError("create Secret: forbidden")
    said = await here.access().ensure(team())
    command = "kubectl rollout restart deployment -n default -l app.kubernetes.io/managed-by=aios-operator"
    assert said.endswith(f"Pods read it when they start: once it is made or changed, `{command}`.")
