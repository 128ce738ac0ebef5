"""Kopf is told to watch and to write nothing, and events become refs."""

from types import SimpleNamespace
from typing import Any

import aiohttp
import kopf
import pytest
from yarl import URL

from aios.controller import watching
from aios.controller.watching import WATCHED, Told, build_registry, build_settings


class Ears:
    """Remembers what was said."""

    def __init__(self) -> None:
        self.heard: list[Told] = []
        self.said: list[str] = []

    def told(self, told: Told) -> None:
        self.heard.append(told)

    def answered(self, plural: str) -> None:
        self.said.append(f"answered {plural}")

    def lost(self, plural: str) -> None:
        self.said.append(f"lost {plural}")

    @property
    def refs(self) -> list[str]:
        return [str(told.ref) for told in self.heard]


def handlers_of(registry: kopf.OperatorRegistry) -> list[Any]:
    return list(registry._watching.get_all_handlers())


def registry(ears: Ears) -> kopf.OperatorRegistry:
    return build_registry(ears)


def test_only_event_handlers_are_registered_so_kopf_has_nothing_to_write() -> None:
    made = registry(Ears())
    assert {handler.id for handler in handlers_of(made)} == set(WATCHED)
    for other in (made._changing, made._spawning, made._indexing, made._webhooks):
        assert list(other.get_all_handlers()) == []


def test_kopf_posts_nothing_scans_nothing_and_renews_its_watches() -> None:
    made = build_settings()
    assert made.scanning.disabled
    assert not made.posting.enabled
    assert made.watching.server_timeout == 45
    assert made.process.ultimate_exiting_timeout is None


async def tell(ears: Ears, plural: str, labels: dict[str, str] | None = None, *, event: str = "MODIFIED") -> None:
    (handler,) = [handler for handler in handlers_of(registry(ears)) if handler.id == plural]
    metadata = {"namespace": "n", "name": "x", "labels": labels or {}}
    await handler.fn(event={"type": event, "object": {"kind": WATCHED[plural], "metadata": metadata}})


async def test_an_event_becomes_the_ref_of_its_object() -> None:
    ears = Ears()
    for plural in ("models", "agentteams", "agents", "projects", "configmaps"):
        await tell(ears, plural)
    assert ears.refs == ["Model/n/x", "AgentTeam/n/x", "Agent/n/x", "Project/n/x", "ConfigMap/n/x"]


async def test_what_an_agent_consists_of_concerns_the_agent() -> None:
    ears = Ears()
    ours = {"aios.dev/team": "software", "aios.dev/member": "developer"}
    await tell(ears, "pods", ours)
    await tell(ears, "configmaps", ours)
    await tell(ears, "pods", {"app": "web"})
    await tell(ears, "deployments", {"taken": "away"})
    assert ears.refs == ["Agent/n/software-developer"] * 2 + ["Agent/n/x"]


async def test_an_event_brings_the_object_along_and_says_if_it_is_gone() -> None:
    ears = Ears()
    await tell(ears, "models")
    await tell(ears, "models", event="DELETED")
    assert [told.deleted for told in ears.heard] == [False, True]
    assert ears.heard[0].manifest["kind"] == "Model"


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("https://k/apis/aios.dev/v1alpha1/agents", ["lost agents"]),
        ("https://k/apis/aios.dev/v1alpha1/agents?watch=true&resourceVersion=7", ["answered agents"]),
        ("https://k/apis/aios.dev/v1alpha1", []),
    ],
)
async def test_a_list_says_that_changes_were_lost_and_a_watch_that_none_will_be(url: str, said: list[str]) -> None:
    ears = Ears()
    request: Any = SimpleNamespace(url=URL(url), response=SimpleNamespace(status=200))
    session: Any = aiohttp.ClientSession
    await watching._report_list(ears)(session, None, request)
    await watching._report_watch(ears)(session, None, request)
    assert ears.said == said
