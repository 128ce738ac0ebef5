"""What a model says is a plan only if it can be carried out; else it hears everything that is wrong."""

import json
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aios.projects.plan import BadPlanError, judge_plan, parse_plan, plan_instructions
from tests.projects.simulation import names, simulate

RUN = simulate()
GOOD = '{"tasks": [{"name": "a", "instructions": "do a"}]}'


def refusal(*tasks: Mapping[str, object]) -> str:
    whole = [{"instructions": "do it", **one} for one in tasks]
    with pytest.raises(BadPlanError) as caught:
        judge_plan(json.dumps({"tasks": whole}), RUN.state, RUN.candidates)
    return str(caught.value)


@pytest.mark.parametrize(
    "text",
    [GOOD, f"Here it is:\n```json\n{GOOD}\n```\nGood luck!", f"```\n{GOOD}\n```", f"The plan is {GOOD}. Enjoy."],
)
def test_a_plan_may_stand_bare_fenced_or_amid_prose(text: str) -> None:
    assert names(judge_plan(text, RUN.state, RUN.candidates)) == ["a"]


def test_a_plan_is_read_in_the_spelling_of_the_yaml() -> None:
    text = json.dumps(
        {
            "tasks": [
                {"name": "a", "instructions": "i", "outputs": ["a.py"], "check": {"run": ["python3", "a.py"]}},
                {"name": "b", "instructions": "i", "dependsOn": ["a"], "member": "writer", "complexity": 2},
            ]
        }
    )
    first, second = judge_plan(text, RUN.state, RUN.candidates)
    assert first.check is not None
    assert first.check.run == ("python3", "a.py")
    assert (second.depends_on, second.member, second.complexity) == (("a",), "writer", 2)


def test_a_circle_is_named() -> None:
    assert "a -> b -> a" in refusal({"name": "a", "dependsOn": ["b"]}, {"name": "b", "dependsOn": ["a"]})


def test_every_fault_is_told_at_once() -> None:
    said = refusal({"name": "plan"}, {"name": "a", "dependsOn": ["ghost"]}, {"name": "a"})
    assert "no task may be named plan" in said
    assert "a depends on ghost, which is no task" in said
    assert "two tasks are named a" in said


def test_member_and_tier_together_are_refused() -> None:
    assert "both member and tier" in refusal({"name": "a", "member": "writer", "tier": "Support"})


def test_a_member_that_does_not_exist_is_named() -> None:
    assert "the team has no member zoe" in refusal({"name": "a", "member": "zoe"})


def test_outputs_and_commands_must_be_possible_for_somebody() -> None:
    assert "needs make in run.allow" in refusal({"name": "a", "check": {"run": ["make"]}})
    assert "nobody can do a" in refusal({"name": "a", "member": "writer", "check": {"run": ["python3"]}})


def test_more_complexity_than_the_team_has_is_refused() -> None:
    assert "the best permitted model of any member is strong with 9" in refusal({"name": "a", "complexity": 10})


def test_sizes_are_bounded() -> None:
    many = [{"name": f"t{number}"} for number in range(101)]
    assert "1 to 100 tasks; this one has 101" in refusal(*many)
    assert "dependsOn" in refusal({"name": "a", "dependsOn": [f"t{number}" for number in range(21)]})
    assert "1 to 100 tasks; this one has 0" in refusal()


def test_unknown_fields_and_wrong_types_are_named_with_their_place() -> None:
    said = refusal({"name": "a", "depends": ["b"]}, {"name": "Not A Name", "complexity": "hard"})
    assert "tasks[0].depends: Extra inputs are not permitted" in said
    assert "tasks[1].name" in said
    assert "tasks[1].complexity" in said


@pytest.mark.parametrize(
    "text", ["", "no", "{", "[" * 100_000, "1" * 5_000, "null", '{"tasks": {}}', '{"tasks": [3]}', '{"tasks": null}']
)
def test_what_is_no_plan_is_refused_and_breaks_nothing(text: str) -> None:
    with pytest.raises(BadPlanError):
        parse_plan(text)


@given(st.text() | st.recursive(st.none() | st.integers() | st.text(), st.lists).map(json.dumps))
def test_any_text_is_a_plan_or_is_refused(text: str) -> None:
    try:
        assert parse_plan(text)
    except BadPlanError as error:
        assert str(error)


def test_the_planner_is_told_who_is_there_and_what_they_may() -> None:
    told = plan_instructions(RUN.candidates)
    assert "- developer: tier Execution, capability up to 9, cleared for Internal, tools Files, may run python3" in told
    assert told.index("architect") < told.index("developer") < told.index("writer")


def test_a_refused_plan_is_no_longer_than_the_planner_needs() -> None:
    said = refusal(*({"name": f"t{number}", "member": "zoe"} for number in range(50)))
    assert "and 40 more" in said


def test_a_task_is_judged_with_the_label_that_it_will_inherit() -> None:
    secret = {"name": "secret", "privacy": "Restricted", "member": "writer"}
    between = {"name": "between", "dependsOn": ["secret"], "member": "writer"}
    said = refusal({"name": "after", "dependsOn": ["between"], "member": "architect"}, between, secret)
    assert "nobody can do after" in said
    assert "between:" not in said


@pytest.mark.parametrize("glob", ["/workspace/app.py", "../c", "./b.py", "src/"])
def test_outputs_that_no_file_can_match_are_refused(glob: str) -> None:
    assert f'outputs of a: "{glob}"' in refusal({"name": "a", "outputs": [glob]})
