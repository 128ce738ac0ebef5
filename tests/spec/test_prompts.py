"""Prompts use documented variables only, and rendering can neither reach out nor run away."""

import pytest

from aios.spec.prompts import PromptError, render, required_inputs, unknown_variables

KNOWN = {
    "team": {"name": "software"},
    "member": {"name": "tester", "tier": "Execution"},
    "project": {"name": "word-count", "goal": "Count words."},
    "inputs": {"language": "Python"},
    "task": {"name": "test", "instructions": "Test it.", "dependsOn": ["a", "b"], "outputs": [], "attempt": 1},
}


def test_every_documented_variable_is_rendered() -> None:
    template = (
        "{{ team.name }} {{ member.name }} {{ member.tier }} {{ project.name }} {{ project.goal }} "
        "{{ inputs.language }} {{ task.name }} {{ task.instructions }} {{ task.dependsOn | join(', ') }} "
        "{{ task.outputs | length }} {{ task.attempt }}\n"
    )

    assert unknown_variables(template) == ()
    assert render(template, KNOWN) == (
        "software tester Execution word-count Count words. Python test Test it. a, b 0 1\n"
    )


@pytest.mark.parametrize(
    ("template", "unknown"),
    [
        ("{{ tasks.name }}", [("tasks.name", 1)]),
        ("\n{{ task.nmae }}\n{{ goal }}", [("task.nmae", 2), ("goal", 3)]),
        ("{{ task['priority'] }}", [("task.priority", 1)]),
        ("{% for x in range(9) %}{{ x }}{% endfor %}", [("range", 1)]),
        ("{% for name in task.dependsOn %}{{ name }}{% endfor %}", []),
        ("{% set greeting = 'hi' %}{{ greeting }} {{ inputs['anything'] }}", []),
        ("no variable at all", []),
    ],
)
def test_unknown_variables_are_listed_with_their_lines(template: str, unknown: list[tuple[str, int]]) -> None:
    assert [(used.name, used.line) for used in unknown_variables(template)] == unknown


def test_inputs_without_a_default_are_required() -> None:
    template = "{{ inputs.a }}{{ inputs.b | default('x') }}{% if inputs.c is defined %}{{ inputs.c }}{% endif %}"

    assert [used.name for used in required_inputs(template)] == ["a"]
    assert render(template, {"inputs": {"a": "1"}}) == "1x"


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("{{ inputs.framework }}", "'dict object' has no attribute 'framework'"),
        ("{{ nobody }}", "'nobody' is undefined"),
        ("{{ team.name.__class__.__mro__ }}", "unsafe"),
        ("{{ ''.__class__ }}", "unsafe"),
        ("{% include '/etc/passwd' %}", "cannot be rendered"),
        ("{{ team.name | nofilter }}", "not a valid jinja2 template"),
        ("{{ 'x' * 10 ** 9 ** 9 }}", "number too large|cannot be rendered|renders to more"),
        (
            "{% set a = 'LONG' %}{% for b in a %}{% for c in a %}x{% endfor %}{% endfor %}",
            "more than 262,144 characters",
        ),
    ],
)
def test_template_that_reaches_out_or_runs_away_is_stopped(template: str, message: str) -> None:
    with pytest.raises(PromptError, match=message):
        render(template.replace("LONG", "x" * 999), KNOWN)


def test_broken_template_names_its_line() -> None:
    with pytest.raises(PromptError, match="not a valid jinja2 template") as caught:
        unknown_variables("fine\n{% if %}")

    assert caught.value.line == 2


def test_checking_a_template_runs_no_part_of_it() -> None:
    assert unknown_variables("{{ 9 ** 9 ** 9 ** 9 }}") == ()
    assert render("{{ 6 * 7 }}", {}) == "42"
