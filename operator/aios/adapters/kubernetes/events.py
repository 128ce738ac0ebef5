"""Events about our objects, as `kubectl describe` and `kubectl events` show them.

The name of an Event derives from what it says about whom, so that the same said again is counted in its series
instead of added, by whichever process.
"""

from datetime import datetime

from aios.adapters.kubernetes.api import Api, ConflictingWriteError, Manifest
from aios.naming import FIELD_MANAGER, digest

_LONGEST_NOTE = 1024
_LONGEST_NAME = 253 - 17


async def record(api: Api, about: Manifest, *, kind: str, reason: str, message: str, now: datetime) -> None:
    """Tell it once, or count it once more. Of two that count at the same time one count may be lost."""
    event = build_event(about, kind=kind, reason=reason, message=message, now=now)
    head = event["metadata"]
    try:
        await api.create(event)
        return
    except ConflictingWriteError:
        known = await api.get("Event", head["namespace"], head["name"]) or event
    count = (known.get("series") or {}).get("count", 1)
    series = {"count": count + 1, "lastObservedTime": _micro(now)}
    await api.merge("Event", head["namespace"], head["name"], {"series": series})


def build_event(about: Manifest, *, kind: str, reason: str, message: str, now: datetime) -> Manifest:
    """A new Event. `kind` is Normal or Warning."""
    head = about["metadata"]
    said = digest([head["uid"], kind, reason, message])[:16]
    return {
        "apiVersion": "events.k8s.io/v1",
        "kind": "Event",
        "metadata": {"name": f"{head['name'][:_LONGEST_NAME]}.{said}", "namespace": head["namespace"]},
        "eventTime": _micro(now),
        "type": kind,
        "reason": reason,
        "note": message[:_LONGEST_NOTE],
        "action": "Reconcile",
        "regarding": {
            "apiVersion": about["apiVersion"],
            "kind": about["kind"],
            "namespace": head["namespace"],
            "name": head["name"],
            "uid": head["uid"],
        },
        "reportingController": FIELD_MANAGER,
        "reportingInstance": FIELD_MANAGER,
    }


def _micro(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
