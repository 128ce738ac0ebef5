"""Workers as Kubernetes objects: golden YAML, and a truth table of who may reach what."""

import io
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML
from ruamel.yaml.scalarstring import walk_tree

from aios.adapters.kubernetes.api import Manifest
from aios.adapters.kubernetes.pod_services import AUTHORITY_FILE
from aios.adapters.kubernetes.render import Owner, PodSettings, config_map_name, config_text, render
from aios.desired.build import build_workers
from aios.desired.nouns import Worker, WorkerConfig
from aios.wiring.credentials import MOUNTED
from tests.desired.building import PRICES, lookup, member, model, team

GOLDEN = Path(__file__).parent / "golden"
SETTINGS = PodSettings(image="aios:1.2.3")
TEAMS = replace(SETTINGS, team="aios-services-software-0123456789")
OWNER = Owner("aios.dev/v1alpha1", "software-developer", "uid-of-the-agent")
CLOUD = model("strong", locality="Cloud", prices=PRICES)
LOCAL = model("local")


def worker(**fields: Any) -> Worker:
    return build_workers(team(member(**fields), limits={"taskTimeout": "90s"}), lookup(CLOUD, LOCAL))[0]


def manifest(kind: str, of: Worker) -> Manifest:
    return next(found for found in render(of, SETTINGS, OWNER) if found["kind"] == kind)


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("local", {"replicas": 2}),
        ("cloud", {"models": ["local", "strong"]}),
        ("restricted", {"clearance": "Restricted"}),
    ],
)
def test_manifests_are_as_reviewed(name: str, fields: dict[str, Any], update_golden: bool) -> None:
    yaml = YAML()
    yaml.width = 1000
    text = io.StringIO()
    manifests = json.loads(json.dumps(render(worker(**fields), SETTINGS, OWNER)))
    walk_tree(manifests)  # text of several lines stands as such
    yaml.dump_all(manifests, text)
    path = GOLDEN / f"{name}.yaml"
    if update_golden:
        path.parent.mkdir(exist_ok=True)
        path.write_text(text.getvalue())
    assert text.getvalue() == path.read_text()


@pytest.mark.parametrize(
    ("fields", "internet"),
    [
        ({"models": ["local"]}, False),
        ({"models": ["strong"]}, True),
        ({"models": ["local", "strong"]}, True),
        ({"models": ["local"], "clearance": "Restricted"}, False),
        # A rule refuses this team; if it ever slipped through, the network still would not let it out.
        ({"models": ["local", "strong"], "clearance": "Restricted"}, False),
    ],
)
def test_only_who_needs_a_cloud_model_and_never_who_sees_restricted_data_reaches_the_internet(
    fields: dict[str, Any], internet: bool
) -> None:
    policy = manifest("NetworkPolicy", worker(**fields))["spec"]
    blocks = [peer for rule in policy["egress"] for peer in rule["to"] if "ipBlock" in peer]
    assert bool(blocks) == internet
    assert policy["policyTypes"] == ["Ingress", "Egress"]
    assert all(rule["to"] for rule in policy["egress"]), "a rule without `to` would allow everything"
    assert policy["podSelector"]["matchLabels"] == manifest("Deployment", worker())["spec"]["selector"]["matchLabels"]


def template(settings: PodSettings) -> Manifest:
    (deployment,) = (one for one in render(worker(), settings, OWNER) if one["kind"] == "Deployment")
    return dict(deployment["spec"]["template"]["spec"])


def environment(settings: PodSettings, **secrets: Mapping[str, str]) -> Mapping[str, str]:
    """What a kubelet makes of it: the last source counts, what is stated before any, a missing key states nothing."""
    (container,) = template(settings)["containers"]
    found: dict[str, str] = {}
    for source in container["envFrom"]:
        found |= secrets[source["secretRef"]["name"]]
    for one in container["env"]:
        key = one.get("valueFrom", {}).get("secretKeyRef")
        if key is None:
            found[one["name"]] = one.get("value", "")
        elif key["key"] in secrets[key["name"]]:
            found[one["name"]] = secrets[key["name"]][key["key"]]
    return found


def test_a_pod_waits_for_a_secret_of_its_team_and_not_for_a_shared_one() -> None:
    shared = {"secretRef": {"name": "aios-services", "optional": True}}
    own = {"secretRef": {"name": "aios-services-software-0123456789", "optional": False}}
    for settings, expected in ((SETTINGS, [shared]), (TEAMS, [own, shared])):
        (container,) = template(settings)["containers"]
        assert container["envFrom"] == expected
        assert {"name": "AIOS_BROKER_ADMIN_URL"} in container["env"], "empty, whatever a Secret says"


def test_what_was_made_for_the_team_counts_and_else_what_its_namespace_says() -> None:
    told = environment(
        replace(SETTINGS, team="team"),
        **{
            "aios-services": {
                "AIOS_BROKER_URL": "amqp://shared",
                "AIOS_BROKER_ADMIN_URL": "http://admin",
                "AIOS_OBJECTS_URL": "s3+http://limited-by-iam",
                "AIOS_SESSIONS_URL": "redis://of-the-namespace",
                "AIOS_KNOWLEDGE_URL": "http://of-the-namespace",
            },
            "team": {
                "AIOS_BROKER_URL": "amqp://own",
                "AIOS_SESSIONS_URL": "redis://operator",
                "AIOS_EMBEDDINGS_URL": "ollama+http://operator",
            },
        },
    )
    assert {name: value for name, value in told.items() if name.endswith("_URL")} == {
        "AIOS_BROKER_URL": "amqp://own",
        "AIOS_BROKER_ADMIN_URL": "",
        "AIOS_OBJECTS_URL": "s3+http://limited-by-iam",
        "AIOS_SESSIONS_URL": "redis://of-the-namespace",
        "AIOS_KNOWLEDGE_URL": "http://of-the-namespace",
        "AIOS_EMBEDDINGS_URL": "ollama+http://operator",
    }


def test_a_pod_finds_the_authority_of_each_secret_apart() -> None:
    """The URLs of both count, and a URL of one must not be made to trust the authority of the other."""
    places = {"aios-services": "/var/run/aios/services", TEAMS.team: "/var/run/aios/team"}
    for settings, secrets in ((SETTINGS, {"aios-services"}), (TEAMS, set(places))):
        pod = template(settings)
        (container,) = pod["containers"]
        volumes = {one["name"]: one["secret"] for one in pod["volumes"] if one["name"] in ("services", "team")}
        assert {volume["secretName"] for volume in volumes.values()} == secrets
        for name, volume in volumes.items():
            items = [{"key": "ca.crt", "path": "ca.crt"}]
            assert volume == {"secretName": volume["secretName"], "items": items, "optional": True}
            mount = {"name": name, "mountPath": places[volume["secretName"]], "readOnly": True}
            assert mount in container["volumeMounts"]
        assert {"name": "ca.crt"} in container["env"], "a large one as a variable would let no program start"
    assert f"{places[TEAMS.team]}/ca.crt" == AUTHORITY_FILE


def test_a_pod_holds_the_keys_of_its_own_models_and_no_others() -> None:
    claude = model(
        "claude",
        provider="Anthropic",
        model="claude-x",
        script=None,
        prices=PRICES,
        credentialsSecretRef={"name": "anthropic.keys", "key": "api-key"},
    )
    made = build_workers(team(member(models=["claude"]), member("other")), lookup(claude, LOCAL))
    pods = [manifest("Deployment", one)["spec"]["template"]["spec"] for one in made]
    others = {"config", "scratch", "services"}
    secrets = [[found["secret"] for found in pod["volumes"] if found["name"] not in others] for pod in pods]
    key = {"key": "api-key", "path": "api-key"}
    assert secrets == [[{"secretName": "anthropic.keys", "items": [key], "optional": True}], []]
    mounts = [found["mountPath"] for found in pods[0]["containers"][0]["volumeMounts"]]
    assert f"{MOUNTED}/anthropic.keys" in mounts, "where the worker looks"


def test_a_pod_is_given_time_to_finish_its_task() -> None:
    pod = manifest("Deployment", worker())["spec"]["template"]["spec"]
    assert pod["terminationGracePeriodSeconds"] == 120


def test_the_configuration_file_is_what_the_worker_reads_and_its_name_is_its_digest() -> None:
    made = worker(models=["local", "strong"], replicas=7)
    read = WorkerConfig.model_validate_json(config_text(made.config))
    assert read.digest == made.config.digest
    assert read.digest.startswith(config_map_name(made).rpartition("-")[2])


def test_scaling_changes_nothing_but_the_deployment() -> None:
    two, five = (render(worker(replicas=replicas), SETTINGS, OWNER) for replicas in (2, 5))
    assert [left["kind"] for left, right in zip(two, five, strict=True) if left != right] == ["Deployment"]


def test_another_configuration_is_another_config_map_and_another_template() -> None:
    one, two = worker(), worker(prompt="Work harder.")
    assert config_map_name(one) != config_map_name(two)
    templates = [manifest("Deployment", made)["spec"]["template"] for made in (one, two)]
    assert templates[0] != templates[1]


def test_everything_is_owned_by_the_agent() -> None:
    for found in render(worker(), SETTINGS, OWNER):
        owner = found["metadata"]["ownerReferences"][0]
        assert (owner["kind"], owner["uid"], owner["controller"]) == ("Agent", "uid-of-the-agent", True)
