"""Kopf is told to watch and to write nothing, and events become refs."""

from typing import Any

import kopf

from aios.controller.watching import WATCHED, build_registry, build_settings
from aios.spec.base import Ref


def handlers_of(registry: kopf.OperatorRegistry) -> list[Any]:
    return list(registry._watching.get_all_handlers())


def registry(told: list[Ref]) -> kopf.OperatorRegistry:
    return build_registry(told.append, lambda _: None)


def test_only_event_handlers_are_registered_so_kopf_has_nothing_to_write() -> None:
    made = registry([])
    assert {handler.id for handler in handlers_of(made)} == WATCHED
    for other in (made._changing, made._spawning, made._indexing, made._webhooks):
        assert list(other.get_all_handlers()) == []


def test_kopf_posts_nothing_scans_nothing_and_renews_its_watches() -> None:
    made = build_settings()
    assert made.scanning.disabled
    assert not made.posting.enabled
    assert made.watching.server_timeout == 45
    assert made.process.ultimate_exiting_timeout is None


async def tell(told: list[Ref], plural: str, labels: dict[str, str] | None = None) -> None:
    (handler,) = [handler for handler in handlers_of(registry(told)) if handler.id == plural]
    await handler.fn(body={"metadata": {"namespace": "n", "name": "x", "labels": labels or {}}})


async def test_an_event_becomes_the_ref_of_its_object() -> None:
    told: list[Ref] = []
    for plural in ("models", "agentteams", "agents", "projects", "configmaps"):
        await tell(told, plural)
    assert [str(ref) for ref in told] == ["Model/n/x", "AgentTeam/n/x", "Agent/n/x", "Project/n/x", "ConfigMap/n/x"]


async def test_what_happens_to_a_pod_or_deployment_concerns_its_agent() -> None:
    told: list[Ref] = []
    ours = {"aios.dev/team": "software", "aios.dev/member": "developer"}
    await tell(told, "pods", ours)
    await tell(told, "deployments", ours)
    await tell(told, "pods", {"app": "web"})
    assert [str(ref) for ref in told] == ["Agent/n/software-developer"] * 2
