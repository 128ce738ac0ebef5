"""The conversation as a function of the record."""

from aios.agents.transcript import messages
from aios.ports.chat_model import Role
from aios.spec.vocabulary import Privacy
from aios.tasks.attempt_events import CallFinished, Inputs, Reply, ToolCall, ToolDone

INPUTS = Inputs(member="m", model="l", system="You.", user="Do it.", privacy=Privacy.INTERNAL, time="")
LOOK = ToolCall(id="a", name="list_files")
THOUGHT = Reply(text="Let me look.", tool_calls=(LOOK,), thinking={"thinking": "Hm."})


def test_what_a_model_thought_goes_on_with_its_conversation_after_any_resume() -> None:
    record = (
        INPUTS,
        CallFinished(step=0, number=1, reply=THOUGHT),
        ToolDone(step=0, call_id="a", text="none", failed=True),
    )
    system, user, said, answer = messages(record, step=1)
    assert (system.role, user.role) == (Role.SYSTEM, Role.USER)
    assert (said.text, said.tool_calls, said.thinking) == ("Let me look.", (LOOK,), {"thinking": "Hm."})
    assert (answer.call_id, answer.text) == ("a", "failed: none")
