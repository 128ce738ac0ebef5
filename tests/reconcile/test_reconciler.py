"""What is true of every kind."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import cast

from aios.embedded.resources import SqliteResources
from aios.errors import InvalidSpecError
from aios.ports.resources import AnyResource, AnyStatus, Resources
from aios.reconcile.reconciler import Reconciler
from aios.spec.base import Kind, Ref
from aios.spec.conditions import ConditionType
from tests.desired.building import config_map, member, model, project, ref, source, team
from tests.reconcile.laptop import Laptop

MODEL = ref(Kind.MODEL, "local")


class NewerVersions:
    """A store in which somebody wrote `unreadable` with a version of ours that is yet to come."""

    def __init__(self, real: SqliteResources, unreadable: Ref) -> None:
        self._real, self._unreadable = real, unreadable
        self.statuses: list[tuple[Ref, AnyStatus]] = []

    async def get(self, ref: Ref) -> AnyResource | None:
        if ref == self._unreadable:
            raise InvalidSpecError(f"{ref}: spec.provider: Input should be 'Scripted'")
        return await self._real.get(ref)

    async def list(
        self, kind: Kind, namespace: str | None = None, labels: Mapping[str, str] | None = None
    ) -> Sequence[AnyResource]:
        return await self._real.list(kind, namespace, labels)

    async def write_status(self, ref: Ref, status: AnyStatus) -> bool:
        self.statuses.append((ref, status))
        return True

    async def record_event(self, ref: Ref, *, kind: str, reason: str, message: str) -> None:
        await self._real.record_event(ref, kind=kind, reason=reason, message=message)


async def test_everything_is_what_is_listed_and_what_was_ever_looked_at(laptop: Laptop) -> None:
    await laptop.apply(model(), team(member("a")), project(), config_map(a="b"))
    await laptop.settle()
    keys = {"Model/default/local", "AgentTeam/default/software", "Agent/default/software-a"}
    keys |= {"Project/default/word-count"}
    assert {str(key) for key in await laptop.reconciler.everything()} == keys
    await laptop.resources.delete(ref(Kind.TEAM, "software"))
    # A resync must still reach what is gone: its deletion may be the event that was lost.
    assert ref(Kind.AGENT, "software-a") in await laptop.reconciler.everything()
    await laptop.settle()
    left = {str(key) for key in await laptop.reconciler.everything()}
    assert left == {"Model/default/local", "Project/default/word-count"}


async def test_config_maps_are_nobodys_key_but_wake_their_readers(laptop: Laptop) -> None:
    texts = ref(Kind.CONFIG_MAP, "texts")
    await laptop.apply(model(script=None, scriptFrom=source("s")))
    assert laptop.reconciler.affected(texts) == ()
    await laptop.settle()
    assert laptop.reconciler.affected(texts) == (MODEL,)
    assert await laptop.reconciler.reconcile(texts) is None


async def test_what_a_newer_version_stored_says_so_itself_and_counts_as_missing_for_others(laptop: Laptop) -> None:
    await laptop.apply(model(), team(member("a")))
    store = NewerVersions(laptop.resources, MODEL)
    reconciler = Reconciler(replace(laptop.world, resources=cast("Resources", store)))
    for _ in range(2):
        await reconciler.reconcile(MODEL)
    (first, status), (_, again) = store.statuses
    assert first == MODEL
    assert status == again, "saying it again must be no change"
    stalled = {found.type: found for found in status.conditions}[ConditionType.STALLED]
    assert (stalled.status, stalled.reason) == ("True", "InvalidSpec")
    assert "spec.provider" in stalled.message
    await reconciler.reconcile(ref(Kind.TEAM, "software"))
    _, of_team = store.statuses[-1]
    assert {found.type: found.reason for found in of_team.conditions}["Stalled"] == "ModelNotFound"


async def test_a_key_that_never_was_is_no_trouble(laptop: Laptop) -> None:
    before = await laptop.written()
    for kind in Kind:
        assert await laptop.reconciler.reconcile(ref(kind, "never")) is None
    assert await laptop.written() == before
