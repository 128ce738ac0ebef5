"""Prompts use documented variables only, and rendering can neither reach out nor run away."""

from collections.abc import Callable

import pytest

from aios.spec.prompts import (
    MAX_TEMPLATE,
    PromptError,
    render,
    required_entries,
    required_inputs,
    unknown_variables,
)

KNOWN = {
    "team": {"name": "software"},
    "member": {"name": "tester", "tier": "Execution"},
    "project": {"name": "word-count", "goal": "Count words."},
    "inputs": {"language": "Python"},
    "task": {"name": "test", "instructions": "Test it.", "dependsOn": ["a", "b"], "outputs": [], "attempt": 1},
}

READERS: list[Callable[[str], object]] = [
    unknown_variables,
    required_inputs,
    required_entries,
    lambda template: render(template, KNOWN),
]


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


@pytest.mark.parametrize("name", ["copy", "get", "items", "keys", "pop", "update", "values"])
def test_an_input_comes_before_what_a_dict_can_do(name: str) -> None:
    assert render(f"{{{{ inputs.{name} }}}} {{{{ inputs['{name}'] }}}}", {"inputs": {name: "hello"}}) == "hello hello"


def test_what_a_dict_can_do_is_no_input_that_is_missing() -> None:
    with pytest.raises(PromptError, match="cannot be rendered"):
        render("{{ inputs.copy.name }}", {"inputs": {}})
    assert [used.name for used in required_inputs("{{ inputs.copy }} {{ inputs.items }}")] == ["copy", "items"]


@pytest.mark.parametrize(
    ("template", "needs", "text"),
    [
        ("{% for k, v in inputs.items() %}{{ k }}={{ v }} {% endfor %}", [], "language=Python "),
        ("{{ inputs.keys() | join }}{{ inputs.values() | join }}", [], "languagePython"),
        ("{{ inputs.get('tone', 'kind') }}", [], "kind"),
        ("{{ inputs.get('tone', default) }}{{ inputs.get(team.name) }}", [], None),
        ("{{ inputs.get('language') }}", ["language"], "Python"),
        ("{% if inputs.get('tone') %}{{ inputs.get('tone') }}{{ inputs.tone }}{% endif %}", [], ""),
        ("{{ inputs.get('tone') or 'kind' }}{{ inputs.get('tone') if inputs.get('tone') else '' }}", [], "kind"),
        ("{{ inputs.get('tone') | default('kind', true) }}", [], "kind"),
        ("{{ inputs.get('tone') | default('kind') }}", ["tone"], None),
        ("{% set tone = inputs.get('tone') %}{% if tone %}{{ tone }}{% endif %}", [], ""),
        ("{% if 'tone' in inputs %}{{ inputs.tone }}{{ inputs.get('tone') }}{% endif %}", [], ""),
    ],
)
def test_asking_the_inputs_as_a_whole_needs_only_what_would_be_missed(
    template: str, needs: list[str], text: str | None
) -> None:
    assert [used.name for used in required_inputs(template)] == needs
    assert text is None or render(template, KNOWN) == text


@pytest.mark.parametrize(
    ("template", "entries"),
    [
        ("one\n{{ task.dependsOn[1] }}", [("dependsOn", "task.dependsOn[1]", 2, 2)]),
        ("{{ task.outputs[-2] | upper }}", [("outputs", "task.outputs[-2]", 2, 1)]),
        ("After {{ task.dependsOn | first }}.", [("dependsOn", "task.dependsOn | first", 1, 1)]),
        ("{% set x = task.dependsOn[0] %}{{ 'none' if x is undefined else x }}", []),
        ("{% if task.dependsOn %}{{ task.dependsOn[0] }}{% endif %}", []),
        ("{{ task.dependsOn[0] if task.dependsOn else '' }}", []),
        ("{{ task.dependsOn[0] | default('nothing') }}", []),
        ("{{ task.dependsOn and task.dependsOn[0] }}", []),
        ("{% for name in task.dependsOn %}{{ task.dependsOn[0] }}{% endfor %}", []),
        ("{{ task.dependsOn | join }}{{ inputs.names[0] }}{{ task.name[0] }}", []),
    ],
)
def test_entries_that_are_printed_in_any_case_are_known(
    template: str, entries: list[tuple[str, str, int, int]]
) -> None:
    found = required_entries(template)
    assert [(one.field, one.text, one.least, one.line) for one in found] == entries
    empty = {**KNOWN, "inputs": {"names": "ab"}, "task": {"name": "test", "dependsOn": [], "outputs": []}}
    if entries:
        with pytest.raises(PromptError, match="cannot be rendered"):
            render(template, empty)
    else:
        assert isinstance(render(template, empty), str)


@pytest.mark.parametrize("read", READERS)
@pytest.mark.parametrize(
    "template", ["{{ team.name" + "|d" * 4_000 + " }}", "{{ " + "(" * 3_000 + "1" + ")" * 3_000 + " }}"]
)
def test_a_template_nobody_can_follow_is_refused_in_words(read: Callable[[str], object], template: str) -> None:
    with pytest.raises(PromptError, match="nested too deeply; simplify it"):
        read(template)


def test_what_python_cannot_compile_is_refused_in_words() -> None:
    template = "{% for name in task.dependsOn %}" * 25 + "{% endfor %}" * 25
    with pytest.raises(PromptError, match="nested too deeply"):
        render(template, KNOWN)


@pytest.mark.parametrize("read", READERS)
def test_a_template_is_not_parsed_when_it_is_too_long(read: Callable[[str], object]) -> None:
    fits = "x" * (MAX_TEMPLATE - 20)
    read(fits)
    with pytest.raises(PromptError, match="the prompt has 262,154 characters; at most 262,144 are allowed: shorten it"):
        read("{% if %}" + fits + "x" * 22)
