"""A Worker as Kubernetes objects: configuration, identity, network policy and the Deployment that runs it.

Pure, and checked against golden YAML. Pods satisfy Pod Security `restricted`, hold no API token and can read nothing
but their own configuration.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from aios.adapters.kubernetes import pod_services
from aios.adapters.kubernetes.api import Manifest
from aios.desired.nouns import Worker, WorkerConfig
from aios.naming import ANNOTATION_CONFIG_DIGEST, GROUP, LABEL_TIER, digest, labels
from aios.spec.vocabulary import Locality, Privacy, seconds
from aios.telemetry import EVERYWHERE

METRICS_PORT = 9464
CONFIG_FOLDER = "/etc/aios"
CONFIG_FILE = "worker.json"
SECRETS_FOLDER = "/var/run/aios/secrets"
"""A folder a Secret, a file a key; where a worker looks for its models' keys."""
LABEL_SERVICES = f"{GROUP}/services"
"""On a namespace: broker, stores and local models are there, and workers may reach them."""
_USER = 10001
"""The image's user; stated as a number so that the kubelet can verify runAsNonRoot."""
_SECONDS_TO_STOP = 30
"""What a worker needs after its last task: to write the result and ring."""


@dataclass(frozen=True, slots=True)
class PodSettings:
    """What the installation decides about worker pods."""

    image: str = "aios:dev"
    pull_policy: str = "IfNotPresent"
    requests: Mapping[str, str] = field(default_factory=lambda: {"cpu": "100m", "memory": "256Mi"})
    limits: Mapping[str, str] = field(default_factory=lambda: {"memory": "1Gi"})
    scratch: str = "2Gi"
    """Room for working copies, in the pod's own ephemeral storage."""
    services: str = "aios-services"
    """The Secret in the team's namespace whose keys, AIOS_BROKER_URL and the like, name the services, and which may
    hold the authority they are trusted by. Pods start without."""
    team: str = ""
    """The Secret made for this team's workers, which pods wait for; empty: there is none. What it says of users of
    the team's own comes before `services`, the rest after."""


@dataclass(frozen=True, slots=True)
class Owner:
    """The Agent that everything of a worker belongs to."""

    api_version: str
    name: str
    uid: str


def render(worker: Worker, settings: PodSettings, owner: Owner | None = None) -> tuple[Manifest, ...]:
    """The objects in the order in which they are applied; what a pod needs comes before the Deployment.

    `owner` None leaves out owner references, for `aios plan --manifests`.
    """
    return (
        _config_map(worker, owner),
        _service_account(worker, owner),
        _network_policy(worker, owner),
        _deployment(worker, settings, owner),
    )


def config_map_name(worker: Worker) -> str:
    """Named by what is in it: a pod can never start with another configuration than its template's."""
    return f"{worker.agent}-{worker.config.digest[:10]}"


def config_text(config: WorkerConfig) -> str:
    """What a worker reads. Exactly what the digest in the name is of: a ConfigMap cannot be changed once it is made,
    and scaling makes no new one."""
    stated = config.model_dump(mode="json", by_alias=True, exclude={"member": {"replicas"}})
    return json.dumps(stated, sort_keys=True, indent=1, ensure_ascii=False) + "\n"


def allows_internet(config: WorkerConfig) -> bool:
    """Whether its pods may open connections beyond the cluster: only to reach a Cloud model, and never when the
    member is cleared for Restricted data."""
    has_cloud = any(model.spec.effective_locality is Locality.CLOUD for model in config.models)
    return has_cloud and config.member.clearance is not Privacy.RESTRICTED


def _config_map(worker: Worker, owner: Owner | None) -> Manifest:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": _head(worker, config_map_name(worker), owner),
        "immutable": True,
        "data": {CONFIG_FILE: config_text(worker.config)},
    }


def _service_account(worker: Worker, owner: Owner | None) -> Manifest:
    return {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": _head(worker, worker.agent, owner),
        "automountServiceAccountToken": False,
    }


def _network_policy(worker: Worker, owner: Owner | None) -> Manifest:
    """What this is worth: a NetworkPolicy counts addresses, not contents, and only if the cluster's network plug-in
    enforces it. A worker that may reach the internet may reach any host there; one that may not can still send to any
    pod of its namespace. What data a model may see is decided before every call by the worker itself; this policy is
    the second lock, for the day the first one is picked.
    """
    dns = {
        "to": [
            {
                "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}},
                "podSelector": {"matchLabels": {"k8s-app": "kube-dns"}},
            }
        ],
        "ports": [{"port": 53, "protocol": "UDP"}, {"port": 53, "protocol": "TCP"}],
    }
    neighbours: dict[str, Any] = {"to": [{"podSelector": {}}]}
    services = {"to": [{"namespaceSelector": {"matchLabels": {LABEL_SERVICES: "true"}}}]}
    # Where clouds hand out the node's own credentials is left out: link-local, and an address each of AWS and Google.
    internet = {
        "to": [
            {"ipBlock": {"cidr": "0.0.0.0/0", "except": ["169.254.0.0/16"]}},
            {"ipBlock": {"cidr": "::/0", "except": ["fe80::/10", "fd00:ec2::254/128", "fd20:ce::254/128"]}},
        ],
        "ports": [{"port": 443, "protocol": "TCP"}],
    }
    egress = [dns, neighbours, services, *([internet] if allows_internet(worker.config) else [])]
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": _head(worker, worker.agent, owner),
        "spec": {
            "podSelector": {"matchLabels": _selector(worker)},
            "policyTypes": ["Ingress", "Egress"],
            # Metrics may be scraped from anywhere in the cluster; nothing else listens.
            "ingress": [
                {"from": [{"namespaceSelector": {}}], "ports": [{"port": METRICS_PORT, "protocol": "TCP"}]},
            ],
            "egress": egress,
        },
    }


def _deployment(worker: Worker, settings: PodSettings, owner: Owner | None) -> Manifest:
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": _head(worker, worker.agent, owner),
        "spec": {
            "replicas": worker.replicas,
            "selector": {"matchLabels": _selector(worker)},
            # New replicas first: tasks always find somebody, and old ones finish what they have.
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}},
            "template": {
                "metadata": {
                    "labels": {**_selector(worker), LABEL_TIER: worker.config.member.tier.value},
                    "annotations": {ANNOTATION_CONFIG_DIGEST: worker.config.digest},
                },
                "spec": _pod(worker, settings),
            },
        },
    }


def _pod(worker: Worker, settings: PodSettings) -> dict[str, Any]:
    return {
        "serviceAccountName": worker.agent,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        # A worker told to stop finishes its task first; killing it earlier would throw paid work away.
        "terminationGracePeriodSeconds": math.ceil(seconds(worker.config.limits.task_timeout)) + _SECONDS_TO_STOP,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": _USER,
            "runAsGroup": _USER,
            "fsGroup": _USER,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [_container(worker, settings)],
        "volumes": [
            {"name": "config", "configMap": {"name": config_map_name(worker)}},
            {"name": "scratch", "emptyDir": {"sizeLimit": settings.scratch}},
            *pod_services.volumes(settings.services, settings.team),
            *(
                {
                    "name": _volume(secret),
                    "secret": {
                        "secretName": secret,
                        "items": [{"key": key, "path": key} for key in keys],
                        # Without its key a model says so at its first call; the member's other models work on.
                        "optional": True,
                    },
                }
                for secret, keys in _credentials(worker.config).items()
            ),
        ],
    }


def _credentials(config: WorkerConfig) -> Mapping[str, Sequence[str]]:
    """The keys, by Secret, that the member's models are called with, and no others. Sorted."""
    refs = [model.spec.credentials_secret_ref for model in config.models]
    found: dict[str, set[str]] = {}
    for ref in refs:
        if ref is not None:
            found.setdefault(ref.name, set()).add(ref.key)
    return {name: sorted(found[name]) for name in sorted(found)}


def _volume(secret: str) -> str:
    """A volume's name is a DNS label; a Secret's may be longer and hold dots."""
    return f"secret-{digest(secret)[:10]}"


def _container(worker: Worker, settings: PodSettings) -> dict[str, Any]:
    return {
        "name": "worker",
        "image": settings.image,
        "imagePullPolicy": settings.pull_policy,
        "args": ["worker", "--config", f"{CONFIG_FOLDER}/{CONFIG_FILE}"],
        "env": [
            {"name": "POD_NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
            {"name": "AIOS_METRICS_PORT", "value": str(METRICS_PORT)},
            {"name": "AIOS_METRICS_ADDRESS", "value": EVERYWHERE},
            *pod_services.stated(settings.team),
        ],
        "envFrom": pod_services.sources(settings.services, settings.team),
        "ports": [{"name": "metrics", "containerPort": METRICS_PORT, "protocol": "TCP"}],
        "readinessProbe": {"httpGet": {"path": "/readyz", "port": "metrics"}, "periodSeconds": 5},
        "livenessProbe": {
            "httpGet": {"path": "/healthz", "port": "metrics"},
            "periodSeconds": 10,
            "failureThreshold": 6,
        },
        "resources": {"requests": dict(settings.requests), "limits": dict(settings.limits)},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [
            {"name": "config", "mountPath": CONFIG_FOLDER, "readOnly": True},
            {"name": "scratch", "mountPath": "/tmp"},
            *pod_services.mounts(settings.team),
            *(
                {"name": _volume(secret), "mountPath": f"{SECRETS_FOLDER}/{secret}", "readOnly": True}
                for secret in _credentials(worker.config)
            ),
        ],
    }


def _head(worker: Worker, name: str, owner: Owner | None) -> dict[str, Any]:
    head: dict[str, Any] = {"name": name, "namespace": worker.namespace, "labels": _selector(worker)}
    if owner is not None:
        head["ownerReferences"] = [
            {
                "apiVersion": owner.api_version,
                "kind": "Agent",
                "name": owner.name,
                "uid": owner.uid,
                "controller": True,
                "blockOwnerDeletion": True,
            }
        ]
    return head


def _selector(worker: Worker) -> dict[str, str]:
    return dict(labels(worker.config.team, worker.config.member.name))
