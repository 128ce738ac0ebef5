"""What a Kubernetes API server was asked to do, by whom: read from its audit log.

This is how a test proves that something wrote nothing: not from our own counters but from the server's.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NewType

AuditMark = NewType("AuditMark", int)
"""A point in the log, in bytes; events after it are those of requests that ended later."""

LOG_START = AuditMark(0)
BARRIER = "audit-barrier"
WRITING_VERBS = frozenset({"create", "update", "patch", "delete", "deletecollection"})

# Bodies of writes are kept so that a failing test can show what was written; secrets never are.
# Reads of the cluster's own machinery are many and tell nothing.
POLICY: dict[str, Any] = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived", "ResponseStarted"],
    "rules": [
        {"level": "None", "nonResourceURLs": ["/readyz*", "/livez*", "/healthz*", "/openapi*", "/api", "/apis*"]},
        {
            "level": "None",
            "verbs": ["get", "list", "watch"],
            "users": ["system:apiserver", "system:kube-controller-manager"],
        },
        {"level": "None", "verbs": ["get", "list", "watch"], "userGroups": ["system:serviceaccounts:kube-system"]},
        {"level": "Metadata", "resources": [{"group": "", "resources": ["secrets", "serviceaccounts/token"]}]},
        {"level": "Request", "verbs": sorted(WRITING_VERBS)},
        {"level": "Metadata"},
    ],
}


@dataclass(frozen=True, slots=True)
class AuditEvent:
    """One finished request. `resource` is as kubectl says it: `deployments.apps/scale`, `configmaps`."""

    verb: str
    user: str
    user_agent: str
    resource: str
    namespace: str
    name: str
    uri: str
    code: int
    body: dict[str, Any] | None

    @property
    def is_write(self) -> bool:
        """Refused ones too: who asks in vain for ever is as wrong as who writes for ever."""
        return self.verb in WRITING_VERBS

    def __str__(self) -> str:
        return f"{self.user} {self.verb} {self.resource} {self.namespace}/{self.name} -> {self.code} ({self.uri})"


def read_events(log: Path, since: AuditMark) -> Iterator[AuditEvent]:
    with log.open("rb") as file:
        file.seek(since)
        for line in file:
            if not line.endswith(b"\n"):
                return
            event = json.loads(line)
            if BARRIER not in event["requestURI"]:
                yield _to_event(event)


def barrier_reached(log: Path, since: AuditMark, barrier: str) -> bool:
    with log.open("rb") as file:
        file.seek(since)
        return barrier.encode() in file.read()


def _to_event(event: dict[str, Any]) -> AuditEvent:
    target = event.get("objectRef", {})
    return AuditEvent(
        verb=event["verb"],
        user=event["user"]["username"],
        user_agent=event.get("userAgent", ""),
        resource=_resource(target),
        namespace=target.get("namespace", ""),
        name=target.get("name", ""),
        uri=event["requestURI"],
        code=event.get("responseStatus", {}).get("code", 0),
        body=event.get("requestObject"),
    )


def _resource(target: dict[str, str]) -> str:
    group = f".{target['apiGroup']}" if target.get("apiGroup") else ""
    part = f"/{target['subresource']}" if target.get("subresource") else ""
    return f"{target.get('resource', '')}{group}{part}"
