"""Which objects a resource speaks of: what must be read to judge it, and what must wake it when it changes.

Pure and one step deep; who needs a team's models' scripts follows the steps itself with `closure`.
"""

from collections.abc import Awaitable, Callable, Mapping

from aios.naming import agent_name
from aios.spec.agent import Agent
from aios.spec.base import Kind, Ref, Resource, TextSource
from aios.spec.model import Model
from aios.spec.project import Project
from aios.spec.team import AgentTeam

Read = Callable[[Ref], Awaitable[Resource | None]]


def references(resource: Resource) -> tuple[Ref, ...]:
    """The refs that `resource` names, in the order in which it names them, each once."""
    namespace = resource.metadata.namespace
    match resource:
        case Model():
            found = _texts(namespace, resource.spec.script_from)
        case AgentTeam():
            models = [Ref(Kind.MODEL, namespace, name) for member in resource.spec.members for name in member.models]
            found = [*models, *_texts(namespace, *(member.prompt_from for member in resource.spec.members))]
        case Agent():
            found = [Ref(Kind.TEAM, namespace, resource.spec.team)]
        case Project():
            found = [Ref(Kind.TEAM, namespace, resource.spec.team)]
        case _:
            found = []
    return tuple(dict.fromkeys(found))


async def closure(resource: Resource, read: Read) -> Mapping[Ref, Resource | None]:
    """Everything `resource` names, and what that names, and so on; None stands for what does not exist."""
    found: dict[Ref, Resource | None] = {}
    waiting = list(references(resource))
    while waiting:
        ref = waiting.pop()
        if ref in found:
            continue
        found[ref] = await read(ref)
        other = found[ref]
        waiting += references(other) if other is not None else ()
    return found


def agents_of(team: AgentTeam) -> tuple[Ref, ...]:
    """The refs of the Agents that a team has, in the order of its members."""
    head = team.metadata
    return tuple(Ref(Kind.AGENT, head.namespace, agent_name(head.name, member.name)) for member in team.spec.members)


def _texts(namespace: str, *sources: TextSource | None) -> list[Ref]:
    return [Ref(Kind.CONFIG_MAP, namespace, source.config_map_key_ref.name) for source in sources if source is not None]
