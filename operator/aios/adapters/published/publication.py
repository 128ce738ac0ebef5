"""What an engine publishes of an agent, so that workers anywhere find it: one object a agent in the namespace's bucket.

The object store is the one service that engine and workers share and that forgets nothing; no key of any model is in
a publication, only where each is looked for.
"""

from pydantic import ValidationError

from aios.desired.nouns import WorkerConfig
from aios.errors import InvalidSpecError, NotFoundError
from aios.ports.object_store import ObjectStore
from aios.spec.base import Part

PREFIX = "agents/"


class Publication(Part):
    """A configuration and how many replicas are wanted of it."""

    replicas: int
    config: WorkerConfig
    journal: str = ""
    """The identity of the journal that the engine drives projects by; empty: one of an earlier version wrote this."""


async def publish(objects: ObjectStore, publication: Publication) -> None:
    """Make it what workers of the agent find; nothing is written when it is that already."""
    text = publication.model_dump_json(by_alias=True).encode()
    key = _key(publication.config.agent)
    try:
        if (await objects.get(key)).data == text:
            return
    except NotFoundError:
        pass
    await objects.put(key, text)


async def find(objects: ObjectStore, agent: str) -> Publication | None:
    """What is published of the agent, None when nothing is. Raises InvalidSpecError when another version wrote it."""
    try:
        found = await objects.get(_key(agent))
    except NotFoundError:
        return None
    try:
        return Publication.model_validate_json(found.data)
    except ValidationError as error:
        raise InvalidSpecError(
            f"what is published of agent {agent} cannot be read: engine and workers must run one version ({error})"
        ) from error


async def published(objects: ObjectStore) -> tuple[str, ...]:
    """The agents of the bucket, sorted."""
    keys = await objects.list(PREFIX)
    return tuple(key.removeprefix(PREFIX).removesuffix(".json") for key in keys)


async def withdraw(objects: ObjectStore, agent: str) -> None:
    """Its workers finish what they have and wait. No error when nothing is published."""
    await objects.delete(_key(agent))


def _key(agent: str) -> str:
    return f"{PREFIX}{agent}.json"
