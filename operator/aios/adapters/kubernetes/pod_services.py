"""How a pod learns where its services are and whom to trust there, from two Secrets at most: the one of its namespace,
which people make, and the one that was made for its team. Pure.

What was made for the team counts for the services that make users. For all others the namespace's counts, and the
team's holds what is told where that one says nothing.
"""

from collections.abc import Mapping, Sequence
from typing import Any

SERVICES_FOLDER = "/var/run/aios/services"
AUTHORITY = "ca.crt"
"""Of a Secret that names services: the authority they are trusted by, if it is a private one."""
TEAM_FOLDER = "/var/run/aios/team"
"""Apart from the namespace's: a URL trusts the authority that came with it."""
AUTHORITY_FILE = f"{TEAM_FOLDER}/{AUTHORITY}"
"""What `?cafile=` in the URLs of a team's own Secret says."""
OWN = ("AIOS_BROKER_URL", "AIOS_OBJECTS_URL", "AIOS_JOURNAL_URL")
"""Variables that count as the team's own Secret states them, whatever its namespace's says."""


def stated(team: str) -> Sequence[Mapping[str, Any]]:
    """`env`, which counts before any `envFrom`. An optional key that is missing states nothing."""
    keys = ({"name": team, "key": name, "optional": True} for name in OWN if team)
    return [
        # Empty, which the API server writes so, and wins over a shared Secret: no worker administers the broker.
        {"name": "AIOS_BROKER_ADMIN_URL"},
        # A name with a dot is a variable, too, and one of more than 128 KiB would let no program start.
        {"name": AUTHORITY},
        *({"name": key["key"], "valueFrom": {"secretKeyRef": key}} for key in keys),
    ]


def sources(services: str, team: str) -> Sequence[Mapping[str, Any]]:
    """`envFrom`, of which the last one counts. The namespace's Secret is optional: a pod without services is alive,
    not ready, and says which are missing."""
    shared = {"secretRef": {"name": services, "optional": True}}
    return [{"secretRef": {"name": team, "optional": False}}, shared] if team else [shared]


def volumes(services: str, team: str) -> Sequence[Mapping[str, Any]]:
    """The authorities; an empty folder where a Secret states none."""
    items = [{"key": AUTHORITY, "path": AUTHORITY}]
    return [
        {"name": name, "secret": {"secretName": secret, "items": items, "optional": True}}
        for name, secret in (("services", services), ("team", team))
        if secret
    ]


def mounts(team: str) -> Sequence[Mapping[str, Any]]:
    """Where they are."""
    folders = {"services": SERVICES_FOLDER, **({"team": TEAM_FOLDER} if team else {})}
    return [{"name": name, "mountPath": folder, "readOnly": True} for name, folder in folders.items()]
