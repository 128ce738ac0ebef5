"""What a team's pods are let into the services with, on a real API server, broker and store: their own, made, kept and
taken away by an operator that can read no Secret but its own key."""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from minio.credentials.providers import StaticProvider
from minio.minioadmin import MinioAdmin

from aios.adapters.kubernetes.team_secrets import KEY_SECRET
from aios.adapters.rabbitmq.connection import RabbitServer
from aios.adapters.s3.address import S3Address
from aios.adapters.s3.users import S3Users
from aios.errors import ServiceUnavailableError
from aios.ports.access import Grantee
from aios.wiring.team_rights import file_rights
from tests.cluster.conftest import OPERATOR_NAMESPACE, OPERATOR_USER
from tests.cluster.operator_process import OperatorProcess
from tests.cluster.pods import deployment, environment, read_secret, secret
from tests.servers.control_plane import ControlPlane
from tests.servers.rabbitmq import RabbitProcess, ask
from tests.servers.waiting import eventually

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "02-software-team"
AGENTS = ("software-architect", "software-developer", "software-tester", "software-writer")


@pytest.fixture
def team(
    services: Mapping[str, str], installed: ControlPlane, namespace: str, operator: OperatorProcess
) -> Mapping[str, str]:
    """The services, with a team in the namespace and, as before teams had users of their own, the shared Secret."""
    literals = [f"--from-literal={name}={value}" for name, value in services.items()]
    installed.kubectl("create", "secret", "generic", "aios-services", "-n", namespace, *literals)
    installed.kubectl("apply", "-n", namespace, "-f", str(EXAMPLE))
    operator.wait_until_ready()
    return services


def is_told(plane: ControlPlane, namespace: str, words: str) -> bool:
    status = plane.kubectl_json("get", "agentteam/software", "-n", namespace).get("status", {})
    return any(words in one["message"] for one in status.get("conditions", ()) if one["type"] == "Ready")


def broker_users(rabbitmq: RabbitProcess, namespace: str) -> set[str]:
    return {user["name"] for user in ask(rabbitmq.admin_url, "GET", "users") if f".{namespace}." in user["name"]}


def store_users(url: str, namespace: str) -> set[str]:
    address = S3Address.parse(url)
    provider = StaticProvider(address.access_key, address.secret_key)
    listed = json.loads(MinioAdmin(endpoint=address.host, credentials=provider, secure=False).user_list())
    return {name for name in listed if f".{namespace}." in name}


async def enters(url: str) -> bool:
    server = RabbitServer(url, purpose="test")
    try:
        await server.channel()
    except ServiceUnavailableError:
        return False
    await server.close()
    return True


def test_a_pod_holds_its_teams_credentials_and_nobody_elses(
    team: Mapping[str, str], installed: ControlPlane, namespace: str, rabbitmq: RabbitProcess
) -> None:
    found = environment(installed, namespace, AGENTS[0])
    admins = {
        urlsplit(team[name]).password for name in ("AIOS_BROKER_URL", "AIOS_BROKER_ADMIN_URL", "AIOS_OBJECTS_URL")
    }
    assert not [name for name, value in found.items() for password in admins if password and password in value]
    assert found["AIOS_BROKER_ADMIN_URL"] == ""
    assert found["AIOS_SESSIONS_URL"] == team["AIOS_SESSIONS_URL"]
    assert found["AIOS_JOURNAL_URL"] == found["AIOS_OBJECTS_URL"]
    assert broker_users(rabbitmq, namespace) == {unquote(urlsplit(found["AIOS_BROKER_URL"]).username or "")}
    assert store_users(team["AIOS_OBJECTS_URL"], namespace) == {urlsplit(found["AIOS_OBJECTS_URL"]).username}
    assert len({read_secret(installed, namespace, agent) for agent in AGENTS}) == 1


async def test_an_operator_that_starts_again_arrives_at_the_same_passwords(
    team: Mapping[str, str], installed: ControlPlane, namespace: str, operator: OperatorProcess
) -> None:
    before = environment(installed, namespace, AGENTS[0])
    generations = [deployment(installed, namespace, agent)["metadata"]["generation"] for agent in AGENTS]
    operator.stop()
    operator.start()
    operator.wait_until_ready()
    installed.kubectl("annotate", "agentteam/software", "-n", namespace, "touched=yes")
    eventually(lambda: is_told(installed, namespace, "of 4 agents"), what="the team is reconciled")
    assert environment(installed, namespace, AGENTS[0]) == before
    assert [deployment(installed, namespace, agent)["metadata"]["generation"] for agent in AGENTS] == generations
    assert await enters(before["AIOS_BROKER_URL"])


async def sweep(operator: OperatorProcess, url: str, namespace: str, known: str) -> None:
    """Start the operator anew, and wait until it has looked at all users of the broker, as it does before it looks at
    the store's. `known` is a user of its own, by whose name it takes another for its own, too."""
    gone = Grantee(namespace, "gone", known.split(".")[3] + "0123abcd")
    operator.stop()
    left_behind = await S3Users(url, file_rights).grant(gone, "of-an-operator-of-before")
    operator.start()
    eventually(lambda: left_behind not in store_users(url, namespace), what="it has swept", within_seconds=60)


def end_who_reads(plane: ControlPlane, namespace: str, secret: str) -> None:
    """As a rollout does once new pods are ready; here no node runs any."""
    replica_sets = plane.kubectl_json("get", "replicasets", "-n", namespace)["items"]
    reading = [one["metadata"]["name"] for one in replica_sets if secret in json.dumps(one["spec"]["template"])]
    assert reading
    plane.kubectl("delete", "replicasets", "-n", namespace, *reading)
    eventually(
        lambda: secret not in plane.kubectl("get", "pods", "-n", namespace, "-o", "json").stdout,
        what="nobody reads the former Secret",
    )


@pytest.mark.timeout(400)
async def test_who_deletes_the_key_has_every_password_made_anew_and_lets_who_works_end(
    team: Mapping[str, str], installed: ControlPlane, namespace: str, operator: OperatorProcess, rabbitmq: RabbitProcess
) -> None:
    before, name = environment(installed, namespace, AGENTS[0]), read_secret(installed, namespace, AGENTS[0])
    for agent in AGENTS:
        eventually(
            lambda agent=agent: deployment(installed, namespace, agent)["status"].get("replicas"),  # type: ignore[misc]
            what=f"{agent} has a pod",
        )
    operator.stop()
    installed.kubectl("delete", "secret", KEY_SECRET, "-n", OPERATOR_NAMESPACE)
    operator.start()
    for agent in AGENTS:
        eventually(
            lambda agent=agent: read_secret(installed, namespace, agent) != name,  # type: ignore[misc]
            what=f"{agent} is given another Secret",
        )
    after = environment(installed, namespace, AGENTS[0])
    former, present = (unquote(urlsplit(one["AIOS_BROKER_URL"]).username or "") for one in (before, after))
    await sweep(operator, team["AIOS_OBJECTS_URL"], namespace, present)
    assert broker_users(rabbitmq, namespace) == {former, present}
    assert await enters(before["AIOS_BROKER_URL"]), "its pods finish what they have"
    end_who_reads(installed, namespace, name)
    await sweep(operator, team["AIOS_OBJECTS_URL"], namespace, present)
    assert broker_users(rabbitmq, namespace) == {present}
    assert not await enters(before["AIOS_BROKER_URL"])
    assert await enters(after["AIOS_BROKER_URL"])
    stays = {urlsplit(after["AIOS_OBJECTS_URL"]).username}
    eventually(
        lambda: store_users(team["AIOS_OBJECTS_URL"], namespace) == stays, what="the former user of the store is gone"
    )


def test_a_quota_that_filled_up_takes_the_secret_from_nobody(
    team: Mapping[str, str], installed: ControlPlane, namespace: str, operator: OperatorProcess
) -> None:
    """It counts before the API server looks whether the Secret is there already."""
    before = {agent: read_secret(installed, namespace, agent) for agent in AGENTS}
    generations = {agent: deployment(installed, namespace, agent)["metadata"]["generation"] for agent in AGENTS}
    operator.stop()
    installed.kubectl("create", "quota", "full", "--hard=count/secrets=1", "-n", namespace)
    eventually(
        lambda: installed.kubectl_json("get", "quota/full", "-n", namespace)["status"].get("used"), what="it counts"
    )
    operator.start()
    eventually(
        lambda: is_told(installed, namespace, f"keep the Secret that they have, {before[AGENTS[0]]},"),
        what="the team says that they keep it",
        within_seconds=60,
    )
    assert is_told(installed, namespace, "exceeded quota")
    patch = json.dumps({"spec": {"limits": {"maxSteps": 19}}})
    installed.kubectl("patch", "agentteam/software", "-n", namespace, "--type=merge", "-p", patch)
    for agent in AGENTS:
        eventually(
            lambda agent=agent: (
                deployment(installed, namespace, agent)["metadata"]["generation"]  # type: ignore[misc]
                > generations[agent]
            ),
            what=f"{agent} is rendered anew",
        )
    assert {agent: read_secret(installed, namespace, agent) for agent in AGENTS} == before
    installed.kubectl("delete", "quota/full", "-n", namespace)
    operator.stop()
    operator.start()
    eventually(lambda: not is_told(installed, namespace, "quota"), what="there is nothing to tell", within_seconds=60)
    assert {agent: read_secret(installed, namespace, agent) for agent in AGENTS} == before


def test_a_lost_secret_is_made_again(
    team: Mapping[str, str], installed: ControlPlane, namespace: str, operator: OperatorProcess
) -> None:
    before, name = environment(installed, namespace, AGENTS[0]), read_secret(installed, namespace, AGENTS[0])
    installed.kubectl("delete", "secret", name, "-n", namespace)
    operator.stop()
    operator.start()
    eventually(lambda: secret(installed, namespace, name) or None, what="the Secret is there again")
    assert environment(installed, namespace, AGENTS[0]) == before


def test_a_deleted_team_leaves_nobody_behind(
    team: Mapping[str, str], installed: ControlPlane, namespace: str, rabbitmq: RabbitProcess
) -> None:
    name = read_secret(installed, namespace, AGENTS[0])
    installed.kubectl("delete", "agentteam/software", "-n", namespace)
    eventually(lambda: not broker_users(rabbitmq, namespace), what="the broker's user is gone")
    eventually(lambda: not store_users(team["AIOS_OBJECTS_URL"], namespace), what="the store's user is gone")
    eventually(lambda: not secret(installed, namespace, name), what="the Secret is gone", within_seconds=60)


def test_a_team_that_was_deleted_while_no_operator_ran_leaves_nobody_behind_either(
    team: Mapping[str, str], installed: ControlPlane, namespace: str, rabbitmq: RabbitProcess, operator: OperatorProcess
) -> None:
    for agent in AGENTS:
        deployment(installed, namespace, agent)
    operator.stop()
    installed.kubectl("delete", "agentteam/software", "-n", namespace)
    assert broker_users(rabbitmq, namespace)
    operator.start()
    eventually(lambda: not broker_users(rabbitmq, namespace), what="the broker's user is gone", within_seconds=60)
    eventually(lambda: not store_users(team["AIOS_OBJECTS_URL"], namespace), what="the store's user is gone")


@pytest.mark.parametrize("verb", ["get", "list", "watch", "update", "patch", "delete"])
def test_the_operator_may_make_secrets_and_nothing_else_with_them(
    installed: ControlPlane, namespace: str, verb: str
) -> None:
    def may(verb: str, what: str, where: str) -> bool:
        asked = ("auth", "can-i", verb, what, "-n", where, "--as", OPERATOR_USER)
        return installed.kubectl(*asked, check=False).stdout.strip() == "yes"

    assert may("create", "secrets", namespace)
    assert not may(verb, "secrets", namespace)
    assert not may(verb, "secrets", OPERATOR_NAMESPACE)
    assert not may(verb, "secrets/aios-services", OPERATOR_NAMESPACE)
    assert may(verb, f"secrets/{KEY_SECRET}", OPERATOR_NAMESPACE) == (verb == "get")


@contextmanager
def without_secrets(plane: ControlPlane) -> Iterator[None]:
    """An operator whose rights are those of an installation from before."""
    rules = plane.kubectl_json("get", "clusterrole", "aios-operator")["rules"]
    kept = [rule for rule in rules if rule["resources"] != ["secrets"]]
    patch = json.dumps([{"op": "replace", "path": "/rules", "value": kept}])
    plane.kubectl("patch", "clusterrole", "aios-operator", "--type=json", "-p", patch)
    try:
        yield
    finally:
        plane.kubectl("apply", "-k", str(ROOT / "specs" / "install"))


def test_without_the_right_to_make_secrets_the_shared_one_must_do_and_the_team_says_so(
    services: Mapping[str, str], installed: ControlPlane, namespace: str, operator: OperatorProcess
) -> None:
    literals = [f"--from-literal={name}={value}" for name, value in services.items()]
    installed.kubectl("create", "secret", "generic", "aios-services", "-n", namespace, *literals)
    with without_secrets(installed):
        installed.kubectl("apply", "-n", namespace, "-f", str(EXAMPLE))
        operator.wait_until_ready()
        found = environment(installed, namespace, AGENTS[0])
        assert found["AIOS_BROKER_URL"] == services["AIOS_BROKER_URL"]
        assert found["AIOS_BROKER_ADMIN_URL"] == "", "not even then"
        eventually(lambda: is_told(installed, namespace, "specs/install"), what="the team says what is missing")
    operator.stop()
    operator.start()
    eventually(
        lambda: read_secret(installed, namespace, AGENTS[0]) != "aios-services", what="the team has its own at last"
    )


@pytest.fixture
def without_users(services: Mapping[str, str], seaweedfs: str) -> Iterator[Mapping[str, str]]:
    """The services, of which the object store is one without MinIO's administration."""
    prefix = urlsplit(services["AIOS_OBJECTS_URL"]).query
    stated = {**services, "AIOS_OBJECTS_URL": f"{seaweedfs}?{prefix}"}
    os.environ.update(stated)
    yield stated


def test_the_key_to_a_store_that_makes_no_users_is_the_namespaces_and_never_the_operators(
    without_users: Mapping[str, str], installed: ControlPlane, namespace: str, operator: OperatorProcess
) -> None:
    installed.kubectl("apply", "-n", namespace, "-f", str(EXAMPLE))
    operator.wait_until_ready()
    found = environment(installed, namespace, AGENTS[0])
    assert "AIOS_OBJECTS_URL" not in found
    assert found["AIOS_BROKER_URL"] != without_users["AIOS_BROKER_URL"]
    limited = {"AIOS_OBJECTS_URL": "s3+http://limited:by-iam@store", "AIOS_BROKER_URL": "amqp://nobody@nowhere"}
    literals = [f"--from-literal={name}={value}" for name, value in limited.items()]
    installed.kubectl("create", "secret", "generic", "aios-services", "-n", namespace, *literals)
    after = environment(installed, namespace, AGENTS[0])
    assert after == {**found, "AIOS_OBJECTS_URL": limited["AIOS_OBJECTS_URL"]}, "the team's own come first"
    eventually(lambda: is_told(installed, namespace, "IAM"), what="the team says whom to ask")
