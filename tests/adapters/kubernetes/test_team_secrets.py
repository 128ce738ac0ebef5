"""Secrets that are made, and never read, changed or deleted; but for one key."""

import base64
import copy
from typing import Any, cast

import pytest

from aios.adapters.kubernetes.api import Api, ConflictingWriteError, Manifest
from aios.adapters.kubernetes.team_secrets import KEY_ENTRY, KEY_SECRET, TeamSecrets, keyed
from aios.errors import EnvironmentProblemError
from tests.desired.building import team

URLS = {"AIOS_BROKER_URL": "amqp://team:password@broker/"}


class SecretStore:
    """The calls that the operator has a right to, and no other."""

    def __init__(self) -> None:
        self.secrets: dict[tuple[str, str], dict[str, Any]] = {}

    async def get(self, kind: str, namespace: str, name: str) -> Manifest | None:
        assert (kind, name) == ("Secret", KEY_SECRET), "no other Secret may be read"
        return copy.deepcopy(self.secrets.get((namespace, name)))

    async def create(self, manifest: Manifest) -> None:
        place = manifest["metadata"]["namespace"], manifest["metadata"]["name"]
        if place in self.secrets:
            raise ConflictingWriteError("exists")
        stored = copy.deepcopy(dict(manifest))
        plain = stored.pop("stringData").items()
        stored["data"] = {key: base64.b64encode(value.encode()).decode() for key, value in plain}
        self.secrets[place] = stored


class Late(SecretStore):
    """Another operator makes the key between our look and our write."""

    def __init__(self, theirs: bytes) -> None:
        super().__init__()
        self._theirs = theirs

    async def create(self, manifest: Manifest) -> None:
        if manifest["metadata"]["name"] == KEY_SECRET and not self.secrets:
            await super().create({**manifest, "stringData": {KEY_ENTRY: self._theirs.hex()}})
        await super().create(manifest)


def secrets_of(store: SecretStore) -> TeamSecrets:
    return TeamSecrets(cast("Api", store), "aios-system")


async def test_the_key_is_made_once_and_found_by_whoever_comes_later() -> None:
    store = SecretStore()
    first, second = await secrets_of(store).key(), await secrets_of(store).key()
    assert first == second
    assert len(first) == 32
    assert store.secrets["aios-system", KEY_SECRET]["immutable"]
    assert await secrets_of(SecretStore()).key() != first


async def test_who_comes_second_takes_the_key_of_who_was_first() -> None:
    assert await secrets_of(Late(b"t" * 32)).key() == b"t" * 32


@pytest.mark.parametrize("data", [{}, {KEY_ENTRY: "!"}, {KEY_ENTRY: base64.b64encode(b"no hex").decode()}, {"k": ""}])
async def test_what_is_no_key_is_told_and_not_used(data: dict[str, str]) -> None:
    store = SecretStore()
    store.secrets["aios-system", KEY_SECRET] = {"data": data}
    with pytest.raises(EnvironmentProblemError, match=f"aios-system/{KEY_SECRET}.*delete it"):
        await secrets_of(store).key()


async def test_a_deleted_key_is_noticed_when_it_is_doubted() -> None:
    store = SecretStore()
    secrets = secrets_of(store)
    before = await secrets.key()
    store.secrets.clear()
    assert await secrets.key() == before
    secrets.forget()
    assert await secrets.key() != before


async def test_a_secret_is_named_by_what_it_says_and_goes_with_its_team() -> None:
    store = SecretStore()
    secrets = secrets_of(store)
    name = await secrets.make(team(), URLS)
    assert await secrets.make(team(), URLS) == name, "there already: nothing to do"
    assert await secrets.make(team(), {**URLS, "AIOS_BROKER_URL": "amqp://other/"}) != name
    made = store.secrets["default", name]
    assert made["immutable"]
    (owner,) = made["metadata"]["ownerReferences"]
    assert (owner["kind"], owner["name"], owner["uid"]) == ("AgentTeam", "software", "uid-1")
    assert len(await secrets.make(team(name="n" * 40), URLS)) <= 253


def test_a_name_tells_nobody_what_is_in_it() -> None:
    """Deployments name the Secret, and more people may read those than Secrets."""
    assert keyed(b"k" * 32, URLS) != keyed(b"l" * 32, URLS)


async def test_a_team_that_is_made_again_has_a_secret_that_does_not_go_with_the_earlier_one() -> None:
    secrets = secrets_of(SecretStore())
    assert await secrets.make(team(), URLS) != await secrets.make(team(uid="made-again"), URLS)
