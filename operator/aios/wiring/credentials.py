"""Where a model's key comes from: a Secret's file in a pod, a Secret document, `.aios/secrets/NAME/KEY`, or the
vendor's own variable, in this order. The first that exists wins; none is ever shown or logged."""

import base64
import binascii
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from aios.errors import EnvironmentProblemError
from aios.ports.credentials import Credential
from aios.ports.resources import Resources
from aios.spec.base import Kind, Ref, Secret, SecretKeyRef

MOUNTED = Path("/var/run/aios/secrets")
"""Where a worker's pod has the Secrets of its models, a folder each."""
SECRETS = "secrets"
"""The folder in the state folder: `.aios/secrets/NAME/KEY`."""


class FoundCredentials:
    """Credentials."""

    def __init__(
        self,
        *,
        resources: Resources | None = None,
        stated: Mapping[Ref, Secret] | None = None,
        state: Path | None = None,
        mounted: Path = MOUNTED,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """`stated`: documents that count before those of `resources`, such as files that were not applied yet."""
        self._resources, self._stated = resources, stated
        self._state, self._mounted = state, mounted
        self._environment = os.environ if environment is None else environment

    async def find(self, namespace: str, ref: SecretKeyRef | None, variable: str) -> Credential | None:
        """Raises EnvironmentProblemError when a file that should hold the key cannot be read."""
        if ref is not None:
            found = _from_file(self._mounted, ref) or await self._from_document(namespace, ref)
            if found is None and self._state is not None:
                found = _from_file(self._state / SECRETS, ref)
            if found is not None:
                return found
        stated = self._environment.get(variable, "").strip() if variable else ""
        return Credential(stated, _variable(variable)) if stated else None

    def places(self, namespace: str, ref: SecretKeyRef | None, variable: str) -> Sequence[str]:
        """A Secret is named only where this process would see one, by its documents or mounted into its pod."""
        found = []
        if ref is not None:
            if self._resources is not None or self._stated is not None or self._mounted.is_dir():
                found.append(_document(namespace, ref))
            if self._state is not None:
                found.append(str(self._state / SECRETS / ref.name / ref.key))
        return (*found, _variable(variable)) if variable else found

    async def _from_document(self, namespace: str, ref: SecretKeyRef) -> Credential | None:
        wanted = Ref(Kind.SECRET, namespace, ref.name)
        secret: object = (self._stated or {}).get(wanted)
        if secret is None and self._resources is not None:
            secret = await self._resources.get(wanted)
        value = _value(secret, ref.key) if isinstance(secret, Secret) else ""
        return Credential(value, _document(namespace, ref)) if value else None


def _document(namespace: str, ref: SecretKeyRef) -> str:
    return f"Secret {namespace}/{ref.name}, key {ref.key}"


def _variable(name: str) -> str:
    return f"the environment's {name}"


def _from_file(folder: Path, ref: SecretKeyRef) -> Credential | None:
    file = folder / ref.name / ref.key
    if not file.resolve().is_relative_to(folder.resolve()):
        return None  # a name such as `..` points to no Secret of ours; a mounted Secret's links stay inside
    try:
        value = file.read_text(encoding="utf-8").strip()
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise EnvironmentProblemError(f"cannot read the key in {file}: {error}") from error
    return Credential(value, str(file)) if value else None


def _value(secret: Secret, key: str) -> str:
    if key in secret.string_data:
        return secret.string_data[key].strip()
    try:
        return base64.b64decode(secret.data.get(key, ""), validate=True).decode().strip()
    except (binascii.Error, UnicodeDecodeError) as error:
        where = f"Secret {secret.metadata.namespace}/{secret.metadata.name}"
        raise EnvironmentProblemError(
            f"{where}, key {key}: not base64 of a text; use stringData, or encode it"
        ) from error
