"""Secrets by which a team's pods learn how they get into the services.

Written without ever being read: the operator may create Secrets in every namespace and can neither look at, change nor
delete one. So what a Secret says is in its name, as a keyed digest, it is immutable, and a change is a new Secret.
All of a team's go with the team, which owns them; so a team that is made again has others, though they say the same.

The one Secret that is read is the operator's own key, in its own namespace: from it everything random derives, so that
a restart arrives at the same passwords without asking for them.
"""

import base64
import binascii
import hmac
import json
import secrets
from collections.abc import Mapping

from aios.adapters.kubernetes.api import Api, ConflictingWriteError, Manifest
from aios.errors import EnvironmentProblemError
from aios.naming import FIELD_MANAGER, LABEL_MANAGED_BY, LABEL_TEAM
from aios.spec.team import AgentTeam

KEY_SECRET, KEY_ENTRY = "aios-team-key", "key"
KEY_BYTES = 32
_NAMED = 10
"""Hex digits of the digest in a name."""


class TeamSecrets:
    """Makes them."""

    def __init__(self, api: Api, namespace: str) -> None:
        """`namespace`: the operator's own, where its key is kept."""
        self._api, self._namespace = api, namespace
        self._key = b""

    async def key(self) -> bytes:
        """The operator's key, which is made when there is none. Raises EnvironmentProblemError when it may not be
        read or is none."""
        if not self._key:
            found = await self._api.get("Secret", self._namespace, KEY_SECRET)
            self._key = self._read(found) if found is not None else await self._make_key()
        return self._key

    def forget(self) -> None:
        """Look again: somebody may have deleted the key so that a new one is made."""
        self._key = b""

    async def make(self, team: AgentTeam, data: Mapping[str, str]) -> str:
        """The name of a Secret beside the team that holds `data`. Raises EnvironmentProblemError when that is not
        allowed."""
        said = keyed(await self.key(), [team.metadata.uid, data])
        name = f"aios-services-{team.metadata.name}-{said[:_NAMED]}"
        try:
            await self._api.create(_manifest(team, name, data))
        except ConflictingWriteError:
            return name  # it is there, and says what its name says
        return name

    async def _make_key(self) -> bytes:
        made = secrets.token_bytes(KEY_BYTES)
        head = {"name": KEY_SECRET, "namespace": self._namespace, "labels": {LABEL_MANAGED_BY: FIELD_MANAGER}}
        try:
            await self._api.create({**_secret(head, {KEY_ENTRY: made.hex()}), "immutable": True})
        except ConflictingWriteError:  # another operator was first
            return self._read(await self._api.get("Secret", self._namespace, KEY_SECRET) or {})
        return made

    def _read(self, found: Manifest) -> bytes:
        try:
            key = bytes.fromhex(base64.b64decode(found["data"][KEY_ENTRY]).decode())
        except (KeyError, ValueError, binascii.Error):
            key = b""
        if len(key) < KEY_BYTES:
            raise EnvironmentProblemError(
                f"Secret {self._namespace}/{KEY_SECRET} holds no key of {KEY_BYTES} bytes under `{KEY_ENTRY}`: delete "
                "it, and a new one is made"
            )
        return key


def keyed(key: bytes, value: object) -> str:
    """A digest that only the holder of `key` can make, of anything JSON can say. 64 hex digits."""
    return hmac.new(key, json.dumps(value, sort_keys=True).encode(), "sha256").hexdigest()


def _manifest(team: AgentTeam, name: str, data: Mapping[str, str]) -> Manifest:
    labels = {LABEL_MANAGED_BY: FIELD_MANAGER, LABEL_TEAM: team.metadata.name}
    owner = {
        "apiVersion": team.api_version,
        "kind": team.kind,
        "name": team.metadata.name,
        "uid": team.metadata.uid,
        "controller": True,
        "blockOwnerDeletion": True,
    }
    head = {"name": name, "namespace": team.metadata.namespace, "labels": labels, "ownerReferences": [owner]}
    return {**_secret(head, data), "immutable": True}


def _secret(head: Mapping[str, object], data: Mapping[str, str]) -> Manifest:
    return {"apiVersion": "v1", "kind": "Secret", "metadata": head, "type": "Opaque", "stringData": data}
