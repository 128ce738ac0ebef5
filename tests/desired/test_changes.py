"""A ChangeSet is ordered, countable and shown in one line."""

from aios.desired.changes import Action, Change, ChangeSet, FieldChange


def worker(name: str, replicas: int, action: Action = Action.CREATE) -> Change:
    deleted = action is Action.DELETE
    field = FieldChange("replicas", replicas if deleted else None, None if deleted else replicas)
    return Change(action, f"Worker/default/{name}", (field,))


def test_the_summary_of_a_first_apply_is_the_line_of_the_readme() -> None:
    creates = ["Project/default/p", "Model/default/a", "Model/default/b", "AgentTeam/default/t"]
    creates += [f"Agent/default/{name}" for name in "wxyz"]
    changes = [Change(Action.CREATE, subject) for subject in creates]
    changes += [worker("w", 2), worker("x", 1), worker("y", 1), worker("z", 1)]
    assert ChangeSet.of(changes).summary() == "+ 2 models  + 1 team  + 4 agents (5 workers)  + 1 project"


def test_nothing_to_do_is_empty_and_says_so() -> None:
    assert ChangeSet().is_empty
    assert ChangeSet().summary() == "no changes"


def test_updates_and_deletions_are_told_apart() -> None:
    changes = [
        Change(Action.UPDATE, "AgentTeam/default/t"),
        Change(Action.UPDATE, "Worker/default/t-a"),
        Change(Action.DELETE, "Agent/default/t-b"),
        worker("t-b", 3, Action.DELETE),
    ]
    assert ChangeSet.of(changes).summary() == "~ 1 team  ~ 1 worker  - 1 agent (3 workers)"


def test_what_is_referred_to_comes_first_and_deletions_come_last_backwards() -> None:
    subjects = ["Project/d/p", "ConfigMap/d/c", "AgentTeam/d/t", "Model/d/m"]
    changes = [Change(Action.CREATE, subject) for subject in subjects]
    changes += [Change(Action.DELETE, subject) for subject in ("Model/d/old", "Project/d/old")]
    ordered = [(change.action.sign, change.subject) for change in ChangeSet.of(changes).changes]
    assert ordered == [
        ("+", "ConfigMap/d/c"),
        ("+", "Model/d/m"),
        ("+", "AgentTeam/d/t"),
        ("+", "Project/d/p"),
        ("-", "Project/d/old"),
        ("-", "Model/d/old"),
    ]


def test_json_has_every_field_before_and_after() -> None:
    change = Change(Action.UPDATE, "Model/d/m", (FieldChange("spec.capability", 5, 9),))
    assert ChangeSet.of([change]).to_json() == {
        "changes": [
            {
                "action": "Update",
                "subject": "Model/d/m",
                "fields": [{"path": "spec.capability", "before": 5, "after": 9}],
            }
        ]
    }
