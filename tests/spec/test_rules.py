"""Verdicts that need several objects at once."""

import pytest

from aios.spec.conditions import Reason
from aios.spec.rules import Problem, project_problems, team_problems
from aios.spec.team import AgentTeam
from tests.desired.building import config_map, lookup, member, model, project, source, team

FIRST = "Go on from\n{{ task.dependsOn[0] }}."


def judged(found: AgentTeam, *tasks: dict[str, object]) -> tuple[Problem, ...]:
    return project_problems(project(tasks=list(tasks)), lookup(found, model()))


def task(name: str, **fields: object) -> dict[str, object]:
    return {"name": name, "instructions": "Do it.", **fields}


def test_a_task_without_what_its_members_prompt_prints_is_refused_before_anything_is_paid() -> None:
    tasks = [task("one", member="a"), task("two", member="a", dependsOn=["one"]), task("three", member="b")]
    (problem,) = judged(team(member("a", prompt=FIRST), member("b")), *tasks)
    assert (problem.path, problem.reason) == ("spec.tasks[0]", Reason.UNKNOWN_PROMPT_VARIABLE)
    assert problem.message == (
        "the prompt of a prints task.dependsOn[0] (its line 2), and this task has no dependsOn: state 1, or let the "
        "prompt ask with {% if task.dependsOn %}"
    )


def test_a_task_that_somebody_can_do_is_not_refused() -> None:
    staff = team(member("a", prompt=FIRST), member("b"))
    assert judged(staff, task("one")) == ()
    assert [one.path for one in judged(team(member("a", prompt=FIRST)), task("one"))] == ["spec.tasks[0]"]


def test_too_few_entries_are_counted() -> None:
    staff = team(member("a", prompt="{{ task.outputs[1] }}"))
    (problem,) = judged(staff, task("one", outputs=["a.txt"]))
    assert "this task has 1 outputs: state 2" in problem.message


@pytest.mark.parametrize("prompt", ["{{ inputs.a" + "|d" * 4_000 + " }}", "x" * 300_000])
def test_a_prompt_nobody_can_read_is_the_teams_problem_and_says_where(prompt: str) -> None:
    staff = team(member("a", prompt=None, promptFrom=source("p")))
    found = lookup(staff, model(), config_map(p=prompt))
    (problem,) = team_problems(staff, found)
    assert problem.path == "spec.members[0].promptFrom.configMapKeyRef"
    assert "simplify it" in problem.message or "shorten it" in problem.message
    assert project_problems(project(tasks=[task("one")]), found) == ()


def test_a_command_line_as_a_checks_program_is_told_how_to_write_it_and_not_to_allow_it() -> None:
    (problem,) = judged(team(member("a")), task("one", check={"run": ["python3 -m doctest x.py"]}))
    assert problem.path == "spec.tasks[0].check.run[0]"
    assert problem.message.endswith('write ["python3", "-m", "doctest", "x.py"]')
