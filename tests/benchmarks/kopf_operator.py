"""The peer's side: an operator as Kopf's tutorial writes one.

`python -m tests.benchmarks.kopf_operator NAMESPACE FILE PORT` (of its liveness probe).

On a new AgentTeam it creates the children that FILE lists (JSON, `{{team}}` stands for the team's name), adopts them,
and patches the team's status. It looks at them never again: no drift, no update, no reasons, no observed generation.
"""

import json
import sys
import threading
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import kopf
from lightkube import Client, codecs
from lightkube.generic_resource import create_namespaced_resource

from aios.naming import GROUP, VERSION

# Any: objects are whatever the API server calls so.
Manifest = dict[str, Any]


class Clients(threading.local):
    """A client for each of Kopf's threads: one that they shared ended the process with a segmentation fault."""

    def __init__(self) -> None:
        self.mine = Client()


def create_children(
    templates: str, clients: Clients, *, name: str, body: kopf.Body, patch: kopf.Patch, **_: Any
) -> Mapping[str, str]:
    """One POST a child; the status goes with Kopf's own patch."""
    children: list[Manifest] = json.loads(templates.replace("{{team}}", name))
    kopf.adopt(children, owner=body)
    for child in children:
        clients.mine.create(codecs.from_dict(child))
    agents = sum(1 for child in children if child["kind"] == "Agent")
    patch.status["agents"] = f"0/{agents}"
    patch.status["ready"] = "True"
    return {}


def main(namespace: str, templates: str, port: int) -> None:
    create_namespaced_resource(GROUP, VERSION, "Agent", "agents")
    handler: Any = partial(create_children, templates, Clients())
    kopf.on.create(GROUP, VERSION, "agentteams", id="children")(handler)
    kopf.configure()
    kopf.run(standalone=True, namespaces=[namespace], liveness_endpoint=f"http://127.0.0.1:{port}/healthz")


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]).read_text(), int(sys.argv[3]))
