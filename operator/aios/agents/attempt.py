"""One attempt at a task: recall, think, act, check, finish. Each phase first asks the record and does only what is
not there yet, so that running the phases again from the beginning is how an attempt is resumed.

Refuses to keep anything in memory that the record does not hold: a worker may die between any two lines.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from aios.agents.assignment import Assignment
from aios.agents.briefing import Known, system_text, user_text
from aios.agents.mailbox import Letter, Mailboxes
from aios.agents.ports import AgentPorts
from aios.agents.results import EVERY_STEP, result
from aios.agents.toolbox import Toolbox, toolbox
from aios.agents.tools.command import CommandRefusedError, looked_in, run, which
from aios.agents.tools.commands import RUN_COMMAND, said
from aios.agents.tools.contract import Answer, Effect, Moment
from aios.agents.tools.memory import RECALLED, UNAVAILABLE
from aios.agents.transcript import label, messages, replies
from aios.agents.working_copy import WorkingCopy
from aios.desired.nouns import WorkerConfig
from aios.errors import EnvironmentProblemError
from aios.models.attempt_log import AttemptLog
from aios.models.gate import Caller, Gate
from aios.naming import digest
from aios.ports.chat_model import ChatRequest
from aios.ports.clock import Clock
from aios.spec.vocabulary import Privacy, Tool
from aios.tasks.attempt_events import Checked, CommitIntended, Ended, Inputs, ToolCall, ToolDone, ToolStarted
from aios.tasks.result import Outcome, TaskResult
from aios.telemetry import ONCE
from aios.workspace.globs import matches
from aios.workspace.head import CommitIntent
from aios.workspace.manifest import EMPTY as EMPTY_MANIFEST
from aios.workspace.paths import UnsafePathError, WorkspaceLimitError
from aios.workspace.store import Workspace

logger = logging.getLogger(__name__)

EMPTY = (
    "the model ended without a word, and did nothing before: it may have lost its answer. Another model may do better: "
    "state one more among the member's models"
)


@dataclass(frozen=True, slots=True)
class Means:
    """What an attempt works with. `folder` is its own, and may be gone at any time it is not working."""

    config: WorkerConfig
    assignment: Assignment
    ports: AgentPorts
    workspace: Workspace
    caller: Caller
    gate: Gate
    clock: Clock
    folder: Path
    committing: Callable[[], None]
    """Called before HEAD moves: from here on the task's timeout must not strike."""


class Attempt:
    """The phases of one claimed attempt. Errors of the gate and FencedError pass through every phase."""

    def __init__(self, means: Means, log: AttemptLog) -> None:
        self._means = means
        self._bench: tuple[WorkingCopy, Toolbox] | None = None
        self._started = means.clock.monotonic()
        self.log = log

    @property
    def max_steps(self) -> int:
        """Model calls it may make."""
        return self._means.config.limits.max_steps

    def start_over(self) -> None:
        """Forget what is not in the record: after an error the folder may hold half of something."""
        self._bench = None

    async def recall(self) -> None:
        """Record everything the attempt is given. Raises PromptError when the member's prompt cannot be rendered,
        EnvironmentProblemError when this machine cannot check the work: before any model is paid for it."""
        if self.log.inputs is None:
            self._require_program()
            await self.log.append(await self._gather())

    async def think(self, step: int) -> None:
        """One model call; the answer is in the record when this returns."""
        means, task = self._means, self._means.assignment.task
        _, tools = await self._at_work()
        request = ChatRequest(
            messages=messages(self.log.events, step),
            tools=tools.specs,
            max_output_tokens=means.caller.spec.max_output_tokens,
            labels={
                "member": means.caller.member,
                "task": task.name,
                "attempt": str(means.assignment.bell.attempt),
                "turn": str(step),
                "outputs": "\n".join(task.outputs),
            },
        )
        await means.gate.call(step, request, label(self.log.events, step))

    def wants_tools(self, step: int) -> bool:
        """Whether the model's answer of `step` calls tools; otherwise it says that it is finished."""
        return bool(replies(self.log.events)[step].tool_calls)

    async def act(self, step: int) -> None:
        """Answer every tool call of `step` that has no recorded answer."""
        for call in replies(self.log.events)[step].tool_calls:
            if self.log.tool_done(step, call.id) is None:
                await self._use(step, call)

    async def check(self, step: int) -> None:
        """Look whether the outputs exist and the check command succeeds, once."""
        if self.log.checked is None:
            await self.log.append(await self._check(step))

    async def finish(self) -> None:
        """Commit what passed its check, and end. Raises ConflictError."""
        checked, task = self.log.checked, self._means.assignment.task
        if checked is None:
            await self.end(Outcome.STEPS_EXHAUSTED, f"not finished after {self.max_steps} model calls (maxSteps)")
        elif checked.missing:
            await self.end(Outcome.OUTPUTS_MISSING, f"missing: {', '.join(checked.missing)}")
        elif not checked.passed:
            copy, _ = await self._at_work()
            # Its output speaks of files that the agent itself may not have read.
            await self.end(Outcome.CHECK_FAILED, f"failed check: {checked.text}", privacy=copy.visible.privacy)
        elif self._is_empty():
            await self.end(Outcome.UNUSABLE_ANSWER, EMPTY)
        else:
            files, commit = await self._commit()
            await self._append_end(self._result(Outcome.SUCCEEDED, task.name, files=files, commit=commit))

    async def end(self, outcome: Outcome, message: str, *, privacy: Privacy = Privacy.PUBLIC) -> None:
        """End without leaving anything in the workspace."""
        await self._append_end(self._result(outcome, message, privacy=privacy))

    def _is_empty(self) -> bool:
        """Whether the model said nothing in the end, changed no file, ran no command and did nothing outside: servers
        lose answers, and nothing must not pass for work. A check that passed knows better."""
        inputs, checked = self.log.inputs, self.log.checked
        if self._means.assignment.task.check or inputs is None or checked is None:
            return False
        ran = {call.id for reply in replies(self.log.events) for call in reply.tool_calls if call.name == RUN_COMMAND}
        acted = any(
            isinstance(event, ToolStarted)
            or (isinstance(event, ToolDone) and event.call_id in ran and not event.failed)
            for event in self.log.events
        )
        said = replies(self.log.events)[checked.step].text.strip()
        nothing = {"", EMPTY_MANIFEST.digest}
        unchanged = checked.manifest == inputs.base_manifest or {checked.manifest, inputs.base_manifest} <= nothing
        return not said and not acted and unchanged

    async def _gather(self) -> Inputs:
        means, task = self._means, self._means.assignment.task
        floor = task.privacy.stricter(means.assignment.feedback_privacy)
        letters, withheld = await self._letters()
        for letter in letters:
            floor = floor.stricter(letter.privacy)
        head = await means.workspace.head()
        known = Known(
            label=floor,
            memories=await self._memories(floor),
            letters=letters,
            withheld=withheld,
            manifest=await means.workspace.manifest(head.manifest),
            time=means.clock.now().isoformat(timespec="seconds"),
        )
        return Inputs(
            member=means.caller.member,
            model=means.caller.model,
            system=system_text(means.config, means.assignment),
            user=user_text(means.assignment, known),
            base_commit=head.commit,
            base_manifest=head.manifest,
            privacy=floor,
            time=known.time,
        )

    async def _letters(self) -> tuple[list[Letter], int]:
        """The member's mail that it and its model may see, and how many letters they may not."""
        means = self._means
        letters = await Mailboxes(means.ports.journal, means.assignment.bell.run).read(means.caller.member)
        seen = [letter for letter in letters if means.caller.may_see(letter.privacy)]
        return seen, len(letters) - len(seen)

    async def _memories(self, clearance: Privacy) -> list[str]:
        means, task = self._means, self._means.assignment.task
        if Tool.MEMORY not in means.config.member.tools:
            return []
        config, about = means.config, f"{task.goal}\n{task.instructions}"
        try:
            found = await means.ports.knowledge.search(config.namespace, config.team, clearance, about, limit=RECALLED)
        except UNAVAILABLE as error:
            logger.warning("nothing recalled: %s", error, extra=None if error.retryable else ONCE)
            return []
        return [recalled.memory.text for recalled in found]

    async def _at_work(self) -> tuple[WorkingCopy, Toolbox]:
        """The working copy as the record left it, and the tools that work on it."""
        if self._bench is None:
            means = self._means
            manifest = await means.workspace.manifest(self.log.manifest)
            copy = WorkingCopy(means.workspace, means.folder, manifest=manifest, may_see=means.caller.may_see)
            self._bench = copy, toolbox(means.config, means.assignment, means.ports, copy)
        return self._bench

    async def _use(self, step: int, call: ToolCall) -> None:
        """One tool call between its records."""
        copy, tools = await self._at_work()
        effect = tools.effect(call.name)
        if effect is Effect.EXTERNAL and not self.log.tool_started(step, call.id):
            await self.log.append(ToolStarted(step=step, call=call))
        before = label(self.log.events, EVERY_STEP)
        answer = await tools.use(call, Moment(before, f"{self.log.stream}/{step}/{call.id}"))
        if effect is Effect.WORKSPACE:
            answer = await self._keep(copy, answer, before.stricter(answer.privacy))
        await self.log.append(
            ToolDone(
                step=step,
                call_id=call.id,
                text=answer.text,
                failed=answer.failed,
                privacy=answer.privacy,
                manifest=copy.manifest.digest if effect is Effect.WORKSPACE else "",
            )
        )

    async def _keep(self, copy: WorkingCopy, answer: Answer, reached: Privacy) -> Answer:
        """Record what the tool left behind; what cannot be kept is undone and said."""
        try:
            await copy.keep(reached)
        except (UnsafePathError, WorkspaceLimitError) as error:
            copy.undo()
            return Answer(f"{answer.text}\nall file changes of this call were undone: {error}", True, answer.privacy)
        return answer

    async def _check(self, step: int) -> Checked:
        copy, _ = await self._at_work()
        task, manifest = self._means.assignment.task, copy.manifest
        missing = tuple(glob for glob in task.outputs if not any(matches(glob, path) for path in manifest.files))
        if missing:
            return Checked(step=step, passed=False, missing=missing, manifest=manifest.digest)
        passed, text = await self._run_check(copy) if task.check else (True, "")
        return Checked(step=step, passed=passed, text=text, manifest=manifest.digest)

    async def _run_check(self, copy: WorkingCopy) -> tuple[bool, str]:
        """Whether the check passed, and its output. What it leaves in the folder is not part of the work. Raises
        EnvironmentProblemError when its program is not on this machine: no work could pass it."""
        self._require_program()
        command, allow = self._means.assignment.task.check, self._means.config.member.run.allow
        try:
            ran = await run(command, await copy.open(), allow=allow)
        except CommandRefusedError as error:
            return False, str(error)
        finally:
            copy.undo()
        return ran.exit_code == 0 and not ran.timed_out, said(command, ran)

    def _require_program(self) -> None:
        command, member = self._means.assignment.task.check, self._means.config.member
        if command and command[0] in member.run.allow and which(command[0]) is None:
            raise EnvironmentProblemError(
                f"the check's program {command[0]} is not on this machine, where member {member.name} works: install "
                f"it there or change the check\n({looked_in(command[0])})"
            )

    async def _commit(self) -> tuple[tuple[str, ...], str]:
        """Move HEAD; returns the changed paths and the commit, both empty when nothing changed."""
        means, inputs, checked = self._means, self.log.inputs, self.log.checked
        if inputs is None or checked is None:
            raise RuntimeError(f"{self.log.stream}: a commit before inputs and check are recorded")
        intent = self.log.intent
        if intent is not None:
            means.committing()  # HEAD may have moved: whatever is away is waited for, whatever time is up
        base, mine = (
            await means.workspace.manifest(inputs.base_manifest),
            await means.workspace.manifest(checked.manifest),
        )
        if base == mine:
            return (), ""
        if intent is None:
            means.committing()
            commit = digest(self.log.stream)[:32]
            intent = CommitIntended(commit=commit, base_manifest=inputs.base_manifest, manifest=checked.manifest)
            await self.log.append(intent)
        bell, task = means.assignment.bell, means.assignment.task
        await means.workspace.commit(
            CommitIntent(
                commit=intent.commit,
                applied_key=f"{bell.run}/{task.name}",
                base_manifest=intent.base_manifest,
                manifest=intent.manifest,
                author=means.caller.member,
                message=f"{task.name}: {task.instructions.splitlines()[0][:200] if task.instructions.strip() else ''}",
            ),
            self.log.confirm,
        )
        return mine.changed_since(base), intent.commit

    def _result(
        self,
        outcome: Outcome,
        message: str,
        *,
        privacy: Privacy = Privacy.PUBLIC,
        files: tuple[str, ...] = (),
        commit: str = "",
    ) -> TaskResult:
        return result(
            self.log,
            outcome,
            "" if outcome is Outcome.SUCCEEDED else message,
            kind=self._means.assignment.task.kind,
            privacy=self._means.assignment.task.privacy.stricter(privacy),
            files=files,
            commit=commit,
            seconds=self._means.clock.monotonic() - self._started,
        )

    async def _append_end(self, ended: TaskResult) -> None:
        if self.log.ended is None:
            await self.log.append(Ended(result=ended))
