"""Showing runs as they go on: finished lines stay, and on a terminal what runs now stands redrawn below them."""

import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING, TextIO

from aios.cli.state import DEFAULT_NAMESPACE, shown
from aios.cli.story import Said, Story, duration
from aios.cli.terminal import colourful, paint, say
from aios.desired.changes import ChangeSet
from aios.embedded.state_folder import StateFolder
from aios.errors import EnvironmentProblemError
from aios.spec.base import Ref
from aios.spec.catalogue import Catalogue
from aios.spec.vocabulary import Provider
from aios.wiring.follow import RunRecord

if TYPE_CHECKING:
    from rich.live import Live
    from rich.text import Text


class Progress:
    """An `Audience` that prints. Lines go to `stream`; the state folder and complaints go to stderr.

    `only`: the runs to show, all without it.
    """

    def __init__(
        self, *, stream: TextIO | None = None, only: frozenset[str] | None = None, verbose: bool = False
    ) -> None:
        self._stream = stream or sys.stdout
        self._only, self._verbose = only, verbose
        self.stories: dict[str, Story] = {}
        self.told: set[str] = set()
        """Runs of which anything was shown."""
        self._scripted: frozenset[str] = frozenset()
        self._live: Live | None = None
        self._clock: dict[str, tuple[float, float]] = {}

    def __enter__(self) -> "Progress":
        if self._stream.isatty() and colourful(self._stream):
            from rich.console import Console
            from rich.live import Live

            console = Console(file=self._stream, highlight=False)
            self._live = Live(console=console, get_renderable=self._now, refresh_per_second=8, transient=True)
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None

    def opened(self, state: StateFolder, *, new: bool, metrics: str) -> None:
        say(f"state  {shown(state.path)}{' (new)' if new else ''}")
        if self._verbose:
            say(f"metrics  {metrics}")

    def applied(self, changes: ChangeSet, catalogue: Catalogue) -> None:
        scripted = {ref.name for ref, model in catalogue.models.items() if model.spec.provider is Provider.SCRIPTED}
        self._scripted |= scripted
        self.line(Said(f"plan   {changes.summary()}"))

    def deleted(self, ref: Ref, fate: str) -> None:
        self.line(Said(f"deleted  {ref.kind}/{named(ref.namespace, ref.name)}: {fate}", "deleted", "yellow"))

    def broken(self, message: str) -> None:
        say(f"{paint('not applied', 'red', stream=sys.stderr)}  what was applied before stays:\n{message}")

    def waiting(self, reason: str) -> None:
        if reason:
            say(f"{paint('waiting', 'yellow', stream=sys.stderr)}  {reason}")
        else:
            say(f"{paint('served', 'green', stream=sys.stderr)}   every service answers again")

    def draining(self) -> None:
        say("stopping: tasks in flight may finish (Ctrl-C again: stop now; nothing that is recorded is lost)")

    def happened(self, record: RunRecord) -> None:
        if self._only is not None and record.run not in self._only:
            return
        namespace, project, _ = record.run.split("/")
        story = self.stories.setdefault(record.run, Story(named(namespace, project), self._scripted))
        story.scripted = self._scripted
        if sum(one.view.state.ended is None for one in self.stories.values()) > 1:
            story.shared = True
        lines = story.tell(record.event)
        self._clock[record.run] = (record.event.at, time.monotonic())
        if self._live is not None:
            self._live.refresh()  # or what is no longer running would be drawn once more below the line
        if not record.old:
            for said in lines:
                self.told.add(record.run)
                self.line(said)

    def line(self, said: Said) -> None:
        """Print one line above what is redrawn."""
        text = said.text
        if said.word:
            text = text.replace(said.word, paint(said.word, said.style or "bold", stream=self._stream), 1)
        if self._live is None:
            self._write(text + "\n")
        else:
            from rich.text import Text

            self._live.console.print(Text.from_ansi(text), soft_wrap=True)

    def _write(self, text: str) -> None:
        try:
            self._stream.write(text)
            self._stream.flush()
        except BrokenPipeError:  # nobody reads on, which is no error of ours to explain
            raise
        except OSError as error:
            raise EnvironmentProblemError(f"cannot write the output: {error.strerror}") from error

    def _now(self) -> "Text":
        from rich.text import Text

        rows: list[str] = []
        for run, story in self.stories.items():
            at, seen = self._clock[run]
            now = at + time.monotonic() - seen
            for task, since in story.running():
                rows.append(story.row(task.name, task.member, task.model, f"running {duration(max(0.0, now - since))}"))
        return Text("\n".join(rows), style="dim")


def named(namespace: str, project: str) -> str:
    """How a project is called: by its name, outside of the default namespace with that before it."""
    return project if namespace == DEFAULT_NAMESPACE else f"{namespace}/{project}"
