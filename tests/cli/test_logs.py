"""`aios logs -f PROJECT/TASK` goes on for as long as the task does."""

from pathlib import Path

from tests.acceptance.test_laptop import until
from tests.cli.console import aios, running

TWO = """
apiVersion: aios.dev/v1alpha1
kind: Model
metadata: {name: slow}
spec:
  provider: Scripted
  script: [{reply: I took my time., delay: 3s}]
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
  goal: Two tasks.
  tasks:
  - {name: one, instructions: Wait.}
  - {name: two, instructions: Wait once more., dependsOn: [one]}
"""
ALL = ("claimed by", "I took my time.", "ended: Succeeded")


def test_a_task_is_followed_to_its_end_and_waited_for_before_its_beginning(tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_text(TWO)
    one, two = tmp_path / "one.log", tmp_path / "two.log"
    with running(tmp_path / "up.log", {}, "up", "s.yaml", "--once", "-C", ".aios") as up:
        until(lambda: aios("logs", "s/one", "-C", ".aios", cwd=tmp_path).code == 0, "the first task's first record")
        with (
            running(one, {}, "logs", "s/one", "-f", "-C", ".aios") as first,
            running(two, {}, "logs", "s/two", "-f", "-C", ".aios") as second,
        ):
            assert first.wait(timeout=60) == 0, one.read_text()
            assert up.poll() is None, "it ends with its task, not with the run"
            assert second.wait(timeout=60) == 0, two.read_text()
        assert up.wait(timeout=60) == 0, (tmp_path / "up.log").read_text()
    assert two.read_text().startswith('waiting: task "two" has not begun yet in default/s/')
    for log in (one, two):
        told = log.read_text()
        assert [told.count(words) for words in ALL] == [1, 1, 1], told
        assert told.count("attempt 1\n") == 1
    unknown = aios("logs", "s/tow", "-f", "-C", ".aios", cwd=tmp_path)
    assert (unknown.code, unknown.err.endswith("there are: one, two\n")) == (1, True), unknown.err
