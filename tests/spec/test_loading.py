# ruff: noqa: E501 - the tables of mistakes read better in long rows
"""Every mistake is one line with its place, what is allowed and what was probably meant; nothing is ever raised."""

from pathlib import Path

import pytest

from aios.errors import InvalidSpecError
from aios.spec.base import Kind, Ref
from aios.spec.findings import format_findings
from aios.spec.loading import load
from aios.spec.project import Project
from aios.spec.team import AgentTeam
from tests.spec.samples import MODELS, PROJECT, TEAM, lines, loaded


def test_mistakes_are_printed_as_the_manual_shows_them(tmp_path: Path) -> None:
    team = TEAM.replace("    tier: Strategic", "    teir: Strategic").replace("[local, strong]", "[locl, strong]")
    team = team.replace("    models: [local]\n", "    models: [strong]\n")

    result = loaded(tmp_path, team=team)

    assert format_findings(result.findings) == (
        'team.yaml:8:5   AgentTeam/software  spec.members[0].teir: unknown field, did you mean "tier"?\n'
        'team.yaml:13:14 AgentTeam/software  spec.members[1].models[0]: no Model named "locl" here; '
        "defined: local, strong\n"
        "team.yaml:20:16 AgentTeam/software  spec.members[2].clearance: Restricted needs Local models only; "
        '"strong" is Cloud\n'
        "3 errors in 1 file. Nothing was applied."
    )
    with pytest.raises(InvalidSpecError, match="3 errors in 1 file"):
        result.require()


WRONG_LINES = {
    "an unknown field": (PROJECT, "  goal: A word", "  gaol: A word", 'gaol: unknown field, did you mean "goal"?', "6:3"),
    "an unknown field without a neighbour": (
        MODELS, "  script: [{reply: hello}]\n---", "  script: [{reply: hello}]\n  zzz: 1\n---",
        "zzz: unknown field; allowed: provider, model, endpoint,", "9:3"),
    "a snake_case field": (PROJECT, "  inputs:", "  on_change: Finish\n  inputs:", 'did you mean "onChange"?', "7:3"),
    "a missing choice": (TEAM, "    tier: Support\n", "", "tier: required: Strategic, Execution, Support", "17:5"),
    "a missing text": (PROJECT, "  goal: A word counter.\n", "", "goal: required: What should be there", "4:1"),
    "a wrong choice": (TEAM, "tier: Support", "tier: Suport",
                       '"Suport" is not allowed, did you mean "Support"? Allowed: Strategic, Execution, Support', "18:11"),
    "a wrong choice that is a number": (TEAM, "tier: Support", "tier: 3", "3 is not allowed; allowed: Strategic,", "18:11"),
    "a price as a number": (MODELS, '"3.00"', "3.00", '3.00 is a number, a text is wanted; quote it: "3.00"', "7:26"),
    "a goal as a boolean": (PROJECT, "A word counter.", "true", 'true is true or false, a text is wanted; quote it: "true"', "6:9"),
    "a quoted number": (MODELS, "  locality", '  capability: "5"\n  locality', "a quoted number is a text; write 5", "6:15"),
    "a number out of range": (MODELS, "  locality", "  capability: 11\n  locality", "11 is too large; at most 10", "6:15"),
    "one word for a list": (TEAM, "models: [strong]", "models: strong", '"strong", where a list is wanted; write [strong]', "9:13"),
    "an empty list": (TEAM, "models: [strong]", "models: []", "at least 1 is needed", "9:5"),
    "fields for a word": (PROJECT, "A word counter.", "{a: b}", "a mapping, where a text is wanted", "6:3"),
    "a word for fields": (PROJECT, "{language: Python}", "Python", '"Python", where fields are wanted (key: value)', "7:11"),
    "a switch as text": (PROJECT, "  inputs", '  suspend: "true"\n  inputs', '"true", where true or false is wanted', "7:12"),
    "an empty value": (PROJECT, "A word counter.", "", "empty; write a text, or leave the field out", "6:3"),
    "a bad name": (PROJECT, "team: software", "team: Soft ware", '"Soft ware" is not allowed: lower-case letters, digits and "-"', "5:9"),
    "a bad duration": (PROJECT, "  inputs", "  timeout: 1 hour\n  inputs", "a length of time such as 90s, 10m or 1h30m", "7:12"),
    "a duration as a number": (PROJECT, "  inputs", "  timeout: 600\n  inputs", "600 is a number, where a length of time such as 90s, 10m or 1h30m, and above 0 is wanted; write 600s or 10m", "7:12"),
    "a short duration as a number": (TEAM, "  members:", "  limits: {replyCache: 0}\n  members:", "1h30m is wanted; write 0s", "6:24"),
    "a duration as a number without a unit to guess": (PROJECT, "  inputs", "  timeout: 0\n  inputs", "and above 0 is wanted", "7:12"),
    "an endpoint as a number": (MODELS, "  locality", "  endpoint: 8080\n  locality", "8080 is a number, where a URL such as http://ollama:11434", "6:13"),
    "a bad input name": (PROJECT, "language", "my-language", 'letters, digits and "_", not starting with a digit', "7:12"),
    "a command no program can be given": (
        PROJECT, "  inputs", '  tasks: [{name: a, instructions: i, check: {run: [sh, "a\\0"]}}]\n  inputs', "without a NUL character", "7:56"),
    "a duplicate key": (PROJECT, "  goal: A", "  team: x\n  goal: A", "spec.team: duplicate key; the first is on line 5", "6:3"),
    "a word that YAML versions disagree on": (PROJECT, "A word counter.", "yes", 'yes means true to some tools', "6:9"),
    "a number that YAML versions disagree on": (PROJECT, "Python}", "0777}", '0777 is read differently by different tools', "7:22"),
    "an unknown tag": (PROJECT, "A word counter.", "!env GOAL", "the tag !env is not supported", "6:9"),
    "a prompt variable": (TEAM, "inputs.language", "task.nmae", 'unknown prompt variable "task.nmae", did you mean "task.name"?', "15:17"),
    "a prompt variable of nothing": (TEAM, "Be brief.", "{{ secrets }}", 'unknown prompt variable "secrets", there are: team.name,', "16:7"),
    "a prompt that is no template": (TEAM, "Be brief.", "{% if %}", "the prompt is not a valid jinja2 template", "16:7"),
    "a prompt variable on a plain line": (TEAM, "You write the README.", '"{{ taem.name }}"', '"taem.name", did you mean "team.name"? (line 1 of the text)', "21:13"),
    "an unknown team": (PROJECT, "team: software", "team: sofware", 'no AgentTeam named "sofware" here; defined: software', "5:9"),
    "an input that a prompt needs": (PROJECT, "language: Python", "lang: Python", 'needs "language": the prompt of developer uses inputs.language', "7:3"),
    "an unknown kind": (PROJECT, "kind: Project", "kind: Projct", 'unknown kind "Projct", did you mean "Project"?', "2:7"),
    "an unknown kind of our group": (PROJECT, "kind: Project", "kind: Workflow", 'unknown kind "Workflow", kinds of aios.dev: Model, AgentTeam, Project', "2:7"),
    "an Agent by hand": (PROJECT, "kind: Project", "kind: Agent", "Agents are made from the members of an AgentTeam", "2:7"),
    "another version of our group": (PROJECT, "v1alpha1", "v1", '"aios.dev/v1" is not known here; write aios.dev/v1alpha1', "1:13"),
    "a slip in the group": (PROJECT, "aios.dev/", "aois.dev/", "write aios.dev/v1alpha1", "1:13"),
    "no apiVersion": (PROJECT, "apiVersion: aios.dev/v1alpha1\n", "", "required: aios.dev/v1alpha1", "1:1"),
    "no kind": (PROJECT, "kind: Project\n", "", "required: Model, AgentTeam, Project", "1:1"),
    "a name that is too long": (PROJECT, "word-count", "w" * 41, "41 characters; at most 40 are allowed", "3:18"),
    "a bad label": (PROJECT, "{name: word-count}", '{name: word-count, labels: {a: "b c"}}', '"b c": a label holds letters', "3:42"),
    "a tab": (PROJECT, "  goal", "\tgoal", "a tab indents this line; YAML is indented with spaces", "6:1"),
    "wrong indentation": (PROJECT, "  goal", "   goal", 'a ":" where no key can stand', "6:8"),
    "an unclosed brace": (PROJECT, "Python}", "Python", 'needs "," between entries and "}" at its end', "8:1"),
    "an unknown alias": (PROJECT, "A word counter.", "*goal", "*goal: no anchor &goal before it in this document", "6:9"),
    "an unprintable character": (PROJECT, "A word counter.", "a\x07b", "the character U+0007 may not stand in YAML", "6:10"),
    "an impossible escape": (PROJECT, "A word counter.", '"\\ud800"', "an escape that is half a character", "6:9"),
    "text instead of fields": ("just some words\n", "", "", "a resource has apiVersion, kind, metadata and spec", "1:1"),
    "a file of another kind": ("image: {tag: latest}\n", "", "", "not a Kubernetes resource: it has no apiVersion", "1:1"),
}  # fmt: skip


@pytest.mark.parametrize("row", WRONG_LINES.values(), ids=WRONG_LINES.keys())
def test_mistake_is_named_where_it_stands(row: tuple[str, str, str, str, str], tmp_path: Path) -> None:
    text, old, new, message, place = row
    assert old in text
    name = {MODELS: "models", TEAM: "team"}.get(text, "project")

    result = loaded(tmp_path, **{name: text.replace(old, new, 1)})

    assert len(result.findings) == 1, lines(result)
    assert message in result.findings[0].sentence, lines(result)
    assert f"{result.findings[0].line}:{result.findings[0].column}" == place, lines(result)


def test_all_mistakes_of_all_files_are_reported_at_once(tmp_path: Path) -> None:
    result = loaded(
        tmp_path,
        models=MODELS.replace('"3.00"', "3.00"),
        team=TEAM.replace("tier: Support", "tier: Suport").replace("Strategic\n", "Strategic\n    replica: 2\n"),
        project="a: [\n---\n" + PROJECT.replace("inputs", "imputs"),
    )

    assert [finding.place for finding in result.findings] == [
        "models.yaml:7:26",
        "team.yaml:9:5",
        "team.yaml:19:11",
        "project.yaml:2:1",
        "project.yaml:9:3",
    ]
    assert format_findings(result.findings).endswith("5 errors in 3 files. Nothing was applied.")


def test_broken_model_does_not_make_its_team_wrong(tmp_path: Path) -> None:
    result = loaded(tmp_path, models=MODELS.replace("name: local", "nmae: local"), team=TEAM)

    assert [finding.path for finding in result.findings] == ["metadata.nmae"]


def test_circle_of_tasks_is_named(tmp_path: Path) -> None:
    tasks = """\
  tasks:
  - {name: a, instructions: x, dependsOn: [c]}
  - {name: b, instructions: x, dependsOn: [a]}
  - name: c
    instructions: x
    dependsOn:
    - b
"""
    result = loaded(tmp_path, project=PROJECT + tasks)

    (line,) = lines(result)
    assert line == (
        "project.yaml:9:44 Project/word-count  spec.tasks[0].dependsOn[0]: "
        "tasks wait for each other in a circle: a -> c -> b -> a"
    )


def test_same_resource_twice_names_both_places(tmp_path: Path) -> None:
    result = loaded(tmp_path, models=MODELS, again=MODELS.split("---")[1].lstrip())

    (line,) = lines(result)
    assert line == "again.yaml:3:18 Model/local  metadata.name: declared twice; the first is at models.yaml:12:18"


def test_anchors_and_merge_keys_are_understood(tmp_path: Path) -> None:
    members = """\
apiVersion: aios.dev/v1alpha1
kind: AgentTeam
metadata: {name: merged}
spec:
  strategy: Sequential
  members:
  - &base
    name: one
    tier: Execution
    models: &models [local]
    prompt: Work.
  - <<: *base
    name: two
    replicas: 3
  - <<: [{clearance: Public}, *base]
    name: three
    models: *models
"""
    result = loaded(tmp_path, merged=members)

    team = result.require().teams[Ref(Kind.TEAM, "default", "merged")]
    assert [(m.name, m.replicas, m.clearance, m.models, m.prompt) for m in team.spec.members] == [
        ("one", 1, "Internal", ("local",), "Work."),
        ("two", 3, "Internal", ("local",), "Work."),
        ("three", 1, "Public", ("local",), "Work."),
    ]


def test_mistake_in_an_anchor_points_at_the_anchor(tmp_path: Path) -> None:
    team = TEAM.replace("  - name: architect", "  - &base\n    name: architect").replace(
        "  - name: writer\n", "  - <<: *base\n    name: writer\n"
    )
    result = loaded(tmp_path, team=team.replace("    models: [strong]", "    modles: [strong]"))

    assert [(finding.line, finding.path) for finding in result.findings] == [(10, "spec.members[0].modles")] * 1 + [
        (10, "spec.members[2].modles")
    ]


def test_what_states_no_namespace_lives_in_the_one_it_is_loaded_into(tmp_path: Path) -> None:
    stated = PROJECT.replace("{name: word-count", "{namespace: own, name: other")
    (tmp_path / "team.yaml").write_text(TEAM)
    (tmp_path / "x.yaml").write_text(f"{PROJECT}---\n{stated}")

    result = load(["x.yaml"], cwd=tmp_path, context=["team.yaml"], namespace="blue")

    assert [resource.metadata.namespace for resource in result.catalogue.resources] == ["blue"]
    assert [finding.subject for finding in result.findings] == ["Project/other"], "the team is not in `own`"


def test_other_api_groups_are_counted_and_left_alone(tmp_path: Path) -> None:
    other = "apiVersion: apps/v1\nkind: Deployment\n{{ a Helm template, not even YAML }}\n---\n"
    core = "apiVersion: v1\nkind: Service\nmetadata: {name: x}\n---\napiVersion: v1\nkind: Namespace\n---\n"

    result = loaded(tmp_path, models=other + core + MODELS)

    assert result.ignored == {"apps": 1, "core": 2}
    assert result.ignored_line == "left alone: 3 resources of other API groups (apps 1, core 2)"
    assert len(result.require().models) == 2


def test_resources_come_in_apply_order(tmp_path: Path) -> None:
    secret = "apiVersion: v1\nkind: Secret\nmetadata: {name: key}\nstringData: {key: value}\n"
    config = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: texts}\ndata: {a: b}\n"

    result = loaded(tmp_path, all="---\n".join([PROJECT, TEAM, MODELS, secret, config]))

    kinds = [resource.kind for resource in result.require().resources]
    assert kinds == ["ConfigMap", "Secret", "Model", "Model", "AgentTeam", "Project"]


def test_value_of_a_secret_is_never_printed(tmp_path: Path) -> None:
    secret = "apiVersion: v1\nkind: Secret\nmetadata: {name: key}\nstringData: {key: 271828, other: 0777}\n"

    result = loaded(tmp_path, secret=secret)

    assert len(result.findings) == 2
    assert all("27" not in line and "777" not in line for line in lines(result))


def test_script_is_checked_where_it_stands(tmp_path: Path) -> None:
    config = """\
apiVersion: v1
kind: ConfigMap
metadata: {name: scripts}
data:
  a.yaml: |
    # what the model says
    - reply: hello
      when:
        trun: 1
    - reply: 5
    - when: {text: "("}
---
apiVersion: aios.dev/v1alpha1
kind: Model
metadata: {name: a}
spec:
  provider: Scripted
  scriptFrom: {configMapKeyRef: {name: scripts, key: a.yaml}}
---
apiVersion: aios.dev/v1alpha1
kind: Model
metadata: {name: b}
spec:
  provider: Scripted
  scriptFrom: {configMapKeyRef: {name: scripts, key: a.yml}}
"""
    result = loaded(tmp_path, scripts=config)

    assert lines(result) == [
        'scripts.yaml:9:9   ConfigMap/scripts  data["a.yaml"][0].when.trun: unknown field, did you mean "turn"?',
        'scripts.yaml:10:14 ConfigMap/scripts  data["a.yaml"][1].reply: 5 is a number, a text is wanted; quote it: "5"',
        'scripts.yaml:25:16 Model/b            spec.scriptFrom.configMapKeyRef: ConfigMap "scripts" has no key "a.yml"; '
        "its keys: a.yaml",
    ]


def test_prompt_in_a_config_map_is_checked_too(tmp_path: Path) -> None:
    config = (
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: texts}\ndata:\n  p: |\n    Hi.\n    {{ task.nmae }}\n---\n"
    )
    source = "promptFrom: {configMapKeyRef: {name: texts, key: p}}"

    result = loaded(tmp_path, team=config + TEAM.replace("prompt: Plan.", source))

    assert lines(result) == [
        "team.yaml:18:18 AgentTeam/software  spec.members[0].promptFrom.configMapKeyRef: "
        'unknown prompt variable "task.nmae", did you mean "task.name"? (line 2 of the text)'
    ]


def test_two_teams_cannot_make_the_same_agent(tmp_path: Path) -> None:
    team = "apiVersion: aios.dev/v1alpha1\nkind: AgentTeam\nmetadata: {name: %s}\nspec:\n  strategy: Sequential\n  members:\n"
    row = "  - {name: %s, tier: Support, models: [local], prompt: Hi.}\n"

    result = loaded(tmp_path, one=team % "a-b" + row % "c", two=team % "a" + row % "d" + row % "b-c")

    assert [finding.place for finding in result.findings] == ["two.yaml:8:12"]
    assert 'its Agent would be "a-b-c", as one of AgentTeam "a-b" is' in result.findings[0].message


def test_reference_to_another_namespace_says_so(tmp_path: Path) -> None:
    elsewhere = PROJECT.replace("{name: word-count}", "{name: word-count, namespace: prod}")

    result = loaded(tmp_path, project=elsewhere)

    assert result.findings[0].message == (
        'no AgentTeam named "software" here; there is one in namespace default, this is namespace prod'
    )


def test_resource_wrong_in_a_thousand_places_is_summed_up(tmp_path: Path) -> None:
    tasks = "  tasks:\n" + "  - {name: a, instrucions: b}\n" * 1_000

    result = loaded(tmp_path, project=PROJECT + tasks)

    assert len(result.findings) == 100
    assert "more errors in this resource" in result.findings[-1].message


def test_catalogue_holds_what_is_right_beside_what_is_wrong(tmp_path: Path) -> None:
    result = loaded(tmp_path, team=TEAM.replace("clearance", "clearence"), project=PROJECT)

    assert [type(resource) for resource in result.catalogue.resources] == [Project]
    assert isinstance(loaded(tmp_path, team=TEAM).require().get(Ref(Kind.TEAM, "default", "software")), AgentTeam)
