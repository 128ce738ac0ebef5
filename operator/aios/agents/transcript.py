"""What an attempt's record says was spoken and seen: the conversation and its label, as functions of the record. Pure.

There is no conversation kept anywhere else, so a resumed attempt cannot ask a question that differs from the recorded
one without being caught.
"""

from collections.abc import Sequence

from aios.ports.chat_model import ChatMessage, Role
from aios.spec.vocabulary import Privacy
from aios.tasks.attempt_events import AnyAttemptEvent, CallFinished, Inputs, Reply, ToolDone


def replies(events: Sequence[AnyAttemptEvent]) -> tuple[Reply, ...]:
    """The model's recorded answers, in the order of steps."""
    return tuple(event.reply for event in events if isinstance(event, CallFinished) and event.reply is not None)


def messages(events: Sequence[AnyAttemptEvent], step: int) -> tuple[ChatMessage, ...]:
    """The conversation that the model call of `step` continues. Raises LookupError when the record is shorter."""
    inputs = next(event for event in events if isinstance(event, Inputs))
    answers = {(event.step, event.call_id): event for event in events if isinstance(event, ToolDone)}
    spoken = [ChatMessage(Role.SYSTEM, inputs.system), ChatMessage(Role.USER, inputs.user)]
    said = replies(events)
    for earlier in range(step):
        reply = said[earlier]
        spoken.append(ChatMessage(Role.ASSISTANT, reply.text, reply.tool_calls, thinking=reply.thinking))
        for call in reply.tool_calls:
            done = answers[earlier, call.id]
            text = f"failed: {done.text}" if done.failed else done.text
            spoken.append(ChatMessage(Role.TOOL, text, call_id=call.id))
    return tuple(spoken)


def label(events: Sequence[AnyAttemptEvent], step: int) -> Privacy:
    """The strictest label of all that was seen before the model call of `step`. It only grows."""
    strictest = Privacy.PUBLIC
    for event in events:
        if isinstance(event, Inputs) or (isinstance(event, ToolDone) and event.step < step):
            strictest = strictest.stricter(event.privacy)
    return strictest
