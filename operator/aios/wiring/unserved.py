"""A pod that starts before its cluster's services are stated: alive, never ready, and looks again by starting anew.

What a Secret states as variables is fixed when a container starts, so waiting in the process alone would never end. A
crash loop would say less and cost more: this wait is longer than the kubelet remembers a container's end (ten minutes
of running), so each start is at once, and none is taken for a crash.
"""

import asyncio
import logging
from collections.abc import Sequence

from aios.naming import FIELD_MANAGER, LABEL_MANAGED_BY
from aios.wiring.stopping import before

log = logging.getLogger(__name__)

WAIT_FOR_SERVICES = 610.0
"""Seconds: those ten minutes and a margin."""
OPERATORS_NAMESPACE = "aios-system"
"""Where specs/install puts operator and engine."""


def restart(namespace: str) -> str:
    """The command that has the namespace's pods of ours read their Secrets now."""
    # A team's namespace is other people's, too.
    only = "" if namespace == OPERATORS_NAMESPACE else f" -l {LABEL_MANAGED_BY}={FIELD_MANAGER}"
    return f"kubectl rollout restart deployment -n {namespace}{only}"


async def wait_unserved(missing: Sequence[str], namespace: str, stop: asyncio.Event) -> None:
    """Say which variables are missing, then wait until `stop`, or until it is time to look again by starting anew."""
    log.warning(
        "waiting: this cluster's services are not configured: %s; this pod's container starts anew in %.0f min to "
        "look again; `%s` does it at once",
        ", ".join(missing),
        WAIT_FOR_SERVICES / 60,
        restart(namespace),
    )
    if await before(stop, asyncio.sleep(WAIT_FOR_SERVICES)):
        log.info("ends with exit code 0, to be started with what the Secrets state now")
