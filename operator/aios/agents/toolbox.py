"""Which tools an attempt has: those its member was given, bound to this attempt's files, mailbox and memory."""

from collections.abc import Iterable, Mapping

from aios.agents.assignment import Assignment
from aios.agents.mailbox import Mailboxes
from aios.agents.ports import AgentPorts
from aios.agents.tools.commands import command_tool
from aios.agents.tools.contract import Answer, AnyTool, Effect, Moment
from aios.agents.tools.files import file_tools
from aios.agents.tools.memory import memory_tools
from aios.agents.tools.messages import message_tool
from aios.agents.working_copy import WorkingCopy
from aios.desired.nouns import WorkerConfig
from aios.ports.chat_model import ToolSpec
from aios.spec.vocabulary import Tool
from aios.tasks.attempt_events import ToolCall


class Toolbox:
    """The tools of one attempt, by name."""

    def __init__(self, tools: Iterable[AnyTool]) -> None:
        self._tools: Mapping[str, AnyTool] = {tool.name: tool for tool in tools}

    @property
    def specs(self) -> tuple[ToolSpec, ...]:
        """As the model is told of them."""
        return tuple(tool.spec for tool in self._tools.values())

    def effect(self, name: str) -> Effect:
        """What calling `name` may change; a tool that does not exist changes nothing."""
        tool = self._tools.get(name)
        return tool.effect if tool else Effect.READ

    async def use(self, call: ToolCall, moment: Moment) -> Answer:
        """The answer to `call`; an unknown name is answered with the names there are."""
        tool = self._tools.get(call.name)
        if tool is None:
            names = ", ".join(self._tools) or "none"
            return Answer(f"there is no tool {call.name!r}; there are: {names}", failed=True)
        return await tool.use(call.args, moment)


def toolbox(config: WorkerConfig, assignment: Assignment, ports: AgentPorts, copy: WorkingCopy) -> Toolbox:
    """What the member's `tools` and `run.allow` grant."""
    member, run, task = config.member, assignment.bell.run, assignment.task.name
    tools: list[AnyTool] = []
    if Tool.FILES in member.tools:
        tools.extend(file_tools(copy))
    if Tool.MEMORY in member.tools:
        source = f"{run}/{task}/{member.name}"
        tools.extend(memory_tools(ports.knowledge, namespace=config.namespace, team=config.team, source=source))
    if Tool.MESSAGES in member.tools:
        mail = Mailboxes(ports.journal, run)
        tools.append(message_tool(mail, sender=member.name, task=task, members=assignment.members))
    if member.run.allow:
        tools.append(command_tool(copy, allow=member.run.allow))
    return Toolbox(tools)
