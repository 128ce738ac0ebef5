"""The tool that runs commands. Its answer carries the strictest label of any file the command could read."""

from collections.abc import Collection, Sequence

from pydantic import Field

from aios.agents.tools.command import CommandRefusedError, Limits, Ran, run
from aios.agents.tools.contract import Answer, Arguments, Effect, Moment, Tool
from aios.agents.working_copy import WorkingCopy

RUN_COMMAND = "run_command"


class RunCommand(Arguments):
    """Arguments of run_command."""

    command: list[str] = Field(
        min_length=1,
        max_length=50,
        description='The program and its arguments: ["python3", "-m", "unittest"]. No shell.',
    )


def command_tool(copy: WorkingCopy, *, allow: Collection[str], limits: Limits | None = None) -> Tool[RunCommand]:
    """The tool of a member that may run `allow`."""

    async def act(args: RunCommand, _moment: Moment) -> Answer:
        try:
            ran = await run(args.command, await copy.open(), allow=allow, limits=limits)
        except CommandRefusedError as error:
            return Answer(str(error), failed=True)
        return Answer(said(args.command, ran), failed=ran.exit_code != 0 or ran.timed_out, privacy=copy.visible.privacy)

    names = ", ".join(sorted(allow))
    return Tool(RUN_COMMAND, f"Run a program in the workspace: {names}.", Effect.WORKSPACE, RunCommand, act)


def said(command: Sequence[str], ran: Ran) -> str:
    """A command's end and output as a model or person reads it; the first line stands alone."""
    ended = "timed out" if ran.timed_out else f"exit {ran.exit_code}"
    return f"{' '.join(command)} ({ended})\n{ran.output}".rstrip()
