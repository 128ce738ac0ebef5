"""`aios logs -f PROJECT/TASK` goes on for as long as the task does."""

from pathlib import Path

from aios.embedded.state_folder import StateFolder
from tests.acceptance.test_laptop import PATIENCE, until
from tests.cli.console import aios, running

THREE = """
apiVersion: aios.dev/v1alpha1
kind: Model
metadata: {name: slow}
spec:
  provider: Scripted
  script: [{when: {task: three}, delay: 10m}, {reply: I took my time., delay: 3s}]
---
apiVersion: aios.dev/v1alpha1
kind: AgentTeam
metadata: {name: slow}
spec:
  strategy: Sequential
  members: [{name: worker, tier: Execution, models: [slow], prompt: You wait.}]
---
apiVersion: aios.dev/v1alpha1
kind: Project
metadata: {name: s}
spec:
  team: slow
  goal: Three tasks.
  tasks:
  - {name: one, instructions: Wait.}
  - {name: two, instructions: Wait once more., dependsOn: [one]}
  - {name: three, instructions: Outlive them., dependsOn: [two]}
"""
ALL = ("claimed by", "I took my time.", "ended: Succeeded")


def test_a_task_is_followed_to_its_end_and_waited_for_before_its_beginning(tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_text(THREE)
    StateFolder(tmp_path / ".aios").open()
    one, two = tmp_path / "one.log", tmp_path / "two.log"
    with (
        running(one, {}, "logs", "s/one", "-f", "-C", ".aios") as first,
        running(two, {}, "logs", "s/two", "-f", "-C", ".aios") as second,
    ):
        for log in (one, two):  # both look by the time that there is anything to see
            until(lambda log=log: "waiting: project" in log.read_text(), f"a line in {log}")  # type: ignore[misc]
        with running(tmp_path / "up.log", {}, "up", "s.yaml", "--once", "-C", ".aios") as up:
            assert first.wait(timeout=PATIENCE) == 0, one.read_text()
            assert second.wait(timeout=PATIENCE) == 0, two.read_text()
            assert up.poll() is None, "they end with their tasks, not with the run"
            unknown = aios("logs", "s/tow", "-f", "-C", ".aios", cwd=tmp_path)
    assert 'waiting: task "two" has not begun yet in default/s/' in two.read_text()
    for log in (one, two):
        told = log.read_text()
        assert [told.count(words) for words in ALL] == [1, 1, 1], told
        assert told.count("attempt 1\n") == 1
    assert (unknown.code, unknown.err.endswith("there are: one, two, three\n")) == (1, True), unknown.err
