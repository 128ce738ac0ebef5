"""Messages: tell another member of the team something; it reads it when its next task in this run starts."""

from collections.abc import Collection

from pydantic import Field

from aios.agents.mailbox import Letter, Mailboxes
from aios.agents.tools.contract import Answer, Arguments, Effect, Moment, Tool
from aios.spec.vocabulary import MemberName


class SendMessage(Arguments):
    """Arguments of send_message."""

    to: MemberName = Field(description="The member's name.")
    text: str = Field(min_length=1, max_length=4_000, description="What it should know.")


def message_tool(mail: Mailboxes, *, sender: str, task: str, members: Collection[str]) -> Tool[SendMessage]:
    """The tool of a member that has Messages. `members` are those of the team; empty when they are not known."""

    async def send(args: SendMessage, moment: Moment) -> Answer:
        if members and args.to not in members:
            return Answer(f"no member {args.to!r} in this team; there are: {', '.join(sorted(members))}", failed=True)
        letter = Letter(sender=sender, task=task, text=args.text, privacy=moment.label)
        await mail.send(args.to, letter, key=moment.key)
        return Answer(f"{args.to} will read it when its next task starts")

    return Tool("send_message", "Leave a message for another member.", Effect.EXTERNAL, SendMessage, send)
