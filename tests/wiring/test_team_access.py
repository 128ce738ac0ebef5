"""Which credentials a team's workers get, whatever the services can and the cluster allows."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from aios.desired.build import build_workers
from aios.embedded.resources import SqliteResources
from aios.errors import EnvironmentProblemError, ServiceUnavailableError
from aios.ports.access import Grantee, NoUsersError
from aios.spec.base import Kind
from aios.wiring.services import Services, with_credentials
from aios.wiring.team_access import open_users
from tests.desired.building import lookup, member, model, ref, team
from tests.servers.tls import Authorities
from tests.wiring.team_installation import ANOTHER_KEY, SERVICES, Installation, grantee

SOFTWARE = grantee(team())


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Installation]:
    resources = SqliteResources(tmp_path / "resources.db")
    yield Installation(resources)
    await resources.close()


async def test_everything_that_knows_users_gets_one_of_the_teams(here: Installation) -> None:
    assert await here.access().ensure(team()) == ""
    (urls,) = here.server.made.values()
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
    here.server.key = ANOTHER_KEY
    access.forget_all()
    await access.ensure(team())
    found |= {*here.broker.passwords.values(), *here.objects.passwords.values()}
    assert len(found) == 8
    assert all(len(password) == 40 for password in found)


async def test_a_restart_arrives_at_the_same(here: Installation) -> None:
    await here.access().ensure(team())
    users, secrets = dict(here.broker.passwords), dict(here.server.made)
    await here.access().ensure(team())
    assert (here.broker.passwords, here.server.made) == (users, secrets)


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
    (urls,) = here.server.made.values()
    assert urls.keys() == {"AIOS_BROKER_URL", "AIOS_SESSIONS_URL", "AIOS_KNOWLEDGE_URL"}
    assert "admin" not in urls["AIOS_BROKER_URL"]


async def test_what_the_operator_does_not_state_hides_nothing_that_the_namespace_states(here: Installation) -> None:
    here.services = replace(SERVICES, knowledge="")
    await here.access().ensure(team())
    (urls,) = here.server.made.values()
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
    (urls,) = here.server.made.values()
    assert "AIOS_BROKER_URL" in urls


async def test_a_team_is_given_the_authority_with_its_own_user(here: Installation, authorities: Authorities) -> None:
    trusting = f"amqps://admin:admin@broker:5671/v?cafile={authorities.ours.authority}"
    here.services = replace(SERVICES, broker=trusting, broker_admin=f"https://admin@broker?cafile={here}")
    assert await here.access().ensure(team()) == ""
    (told,) = here.server.made.values()
    password = here.broker.passwords[SOFTWARE]
    expected = f"amqps://{SOFTWARE.user}:{password}@broker:5671/v?cafile=/var/run/aios/team/ca.crt"
    assert told["AIOS_BROKER_URL"] == expected
    assert told["ca.crt"] == authorities.ours.authority.read_text()


async def test_an_authority_that_cannot_be_given_is_told(here: Installation, tmp_path: Path) -> None:
    here.services = replace(SERVICES, sessions=f"rediss://h/0?cafile={tmp_path}/none.pem")
    said = await here.access().ensure(team())
    assert "share the Secret aios-services" in said
    assert "none.pem" in said
    assert not here.server.made


async def test_a_cluster_that_allows_no_secrets_leaves_the_shared_one(here: Installation) -> None:
    here.server.trouble = EnvironmentProblemError("create Secret: forbidden")
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
    found = await here.stored(team())
    secret = await access.secret(worker)
    await access.ensure(found)
    assert list(here.server.made) == [secret]


async def test_nobody_is_let_in_for_a_team_that_is_gone(here: Installation) -> None:
    access = here.access()
    for one in (team(), team(name="other")):
        await access.ensure(one)
    assert await access.remove(team().ref)
    assert set(here.broker.passwords) == set(here.objects.passwords) == {grantee(team(name="other"))}


async def test_who_finishes_a_task_of_a_deleted_team_is_let_in_until_it_has_ended(here: Installation) -> None:
    access = here.access()
    await access.ensure(team())
    here.server.run(*here.server.made)
    assert not await access.remove(team().ref)
    await access.sweep()
    assert set(here.broker.passwords) == set(here.objects.passwords) == {SOFTWARE}
    here.server.pods.clear()
    assert await access.remove(team().ref)
    assert here.broker.passwords == here.objects.passwords == {}


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
    stays = await here.stored(team())
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
    here.server.trouble = None if secrets_allowed else EnvironmentProblemError("create Secret: forbidden")
    said = await here.access().ensure(team())
    command = "kubectl rollout restart deployment -n default -l app.kubernetes.io/managed-by=aios-operator"
    assert said.endswith(f"Pods read it when they start: once it is made or changed, `{command}`.")
