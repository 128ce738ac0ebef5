"""Services under a private authority, on a real API server and a broker that speaks TLS: operator, engine and workers
mount it from the Secret that names their services, and a team's own Secret holds it."""

import os
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlencode

import pytest

from aios.adapters.kubernetes.pod_services import AUTHORITY, AUTHORITY_FILE, SERVICES_FOLDER, TEAM_FOLDER
from aios.adapters.rabbitmq.connection import RabbitServer
from aios.adapters.tls import with_cafile
from tests.cluster.conftest import OPERATOR_NAMESPACE
from tests.cluster.operator_process import OperatorProcess
from tests.cluster.pods import deployment, environment, read_secret, secret
from tests.servers.control_plane import ControlPlane
from tests.servers.rabbitmq import made_vhost
from tests.servers.tls import Authorities, TlsRabbit
from tests.servers.waiting import eventually

EXAMPLE = Path(__file__).parents[2] / "examples" / "02-software-team"
AGENT = "software-architect"


def mounted_authority(plane: ControlPlane, namespace: str, name: str, folder: str) -> Mapping[str, object]:
    """The volume behind the folder where a Deployment's pods look for their services' authority."""
    pod = deployment(plane, namespace, name)["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert {"name": AUTHORITY} in container["env"], "a file, and no variable"
    (mount,) = (one for one in container["volumeMounts"] if one["mountPath"] == folder)
    assert mount["readOnly"]
    (volume,) = (one["secret"] for one in pod["volumes"] if one["name"] == mount["name"])
    return dict(volume)


def authority_of(secret_name: str) -> Mapping[str, object]:
    items = [{"key": AUTHORITY, "path": AUTHORITY}]
    return {"secretName": secret_name, "items": items, "optional": True, "defaultMode": 0o644}


@pytest.mark.parametrize("name", ["aios-operator", "aios-engine"])
def test_operator_and_engine_find_the_authority_in_the_secret_that_names_their_services(
    installed: ControlPlane, name: str
) -> None:
    assert mounted_authority(installed, OPERATOR_NAMESPACE, name, SERVICES_FOLDER) == authority_of("aios-services")


@pytest.fixture
def authority(services: Mapping[str, str], tls_rabbitmq: TlsRabbit, namespace: str, tmp_path: Path) -> Path:
    """What the operator trusts its broker by; a key that nobody else may see is in the file, too."""
    ours = tls_rabbitmq.broker.authorities.ours
    file = tmp_path / "private authority.pem"
    file.write_text(ours.authority.read_text() + ours.key.read_text())
    made_vhost(tls_rabbitmq.control.url, tls_rabbitmq.control.admin_url, namespace)
    options = f"?{urlencode({'cafile': file})}"
    os.environ["AIOS_BROKER_URL"] = f"{tls_rabbitmq.broker.plain}{namespace}{options}"
    os.environ["AIOS_BROKER_ADMIN_URL"] = f"{tls_rabbitmq.admin.plain}{options}"
    return file


async def test_a_private_authority_goes_with_the_teams_credentials(
    authority: Path, installed: ControlPlane, namespace: str, operator: OperatorProcess, authorities: Authorities
) -> None:
    installed.kubectl("apply", "-n", namespace, "-f", str(EXAMPLE))
    operator.wait_until_ready()
    name = read_secret(installed, namespace, AGENT)
    assert mounted_authority(installed, namespace, AGENT, TEAM_FOLDER) == authority_of(name)
    shared = mounted_authority(installed, namespace, AGENT, SERVICES_FOLDER)
    assert shared == authority_of("aios-services"), "apart: whoever made that Secret trusts whom it says"
    told = secret(installed, namespace, name)[AUTHORITY]
    assert told == authorities.ours.authority.read_text()
    url = environment(installed, namespace, AGENT)["AIOS_BROKER_URL"]
    assert url.endswith(f"?cafile={AUTHORITY_FILE}")
    mounted = authority.with_name("mounted.crt")
    mounted.write_text(told)
    server = RabbitServer(with_cafile(url, str(mounted)), purpose="test")
    await server.channel()
    await server.close()


def test_another_authority_is_another_secret(
    authority: Path, installed: ControlPlane, namespace: str, operator: OperatorProcess, authorities: Authorities
) -> None:
    installed.kubectl("apply", "-n", namespace, "-f", str(EXAMPLE))
    name = read_secret(installed, namespace, AGENT)
    operator.stop()
    both = "".join(files.authority.read_text() for files in (authorities.ours, authorities.stranger))
    authority.write_text(both)
    operator.start()
    eventually(lambda: read_secret(installed, namespace, AGENT) != name, what="pods are given the other Secret")
    assert secret(installed, namespace, read_secret(installed, namespace, AGENT))[AUTHORITY] == both
