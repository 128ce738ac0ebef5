"""Differences are looked for only in what our manager owns."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aios.desired.changes import FieldChange
from aios.desired.compare import diff, differences, same_quantity


def deployment(**container: Any) -> dict[str, Any]:
    return {"spec": {"template": {"spec": {"containers": [{"name": "worker", "image": "a", **container}]}}}}


def test_what_the_server_filled_in_is_no_difference() -> None:
    live = deployment(imagePullPolicy="IfNotPresent", terminationMessagePath="/dev/termination-log")
    live["spec"]["progressDeadlineSeconds"] = 600
    assert differences(deployment(), live) == ()


def test_a_changed_field_is_named_with_before_and_after() -> None:
    path = "spec.template.spec.containers[worker].image"
    assert differences(deployment(image="b"), deployment()) == (FieldChange(path, "a", "b"),)


def test_a_sidecar_that_somebody_injected_is_not_ours() -> None:
    live = deployment()
    live["spec"]["template"]["spec"]["containers"].insert(0, {"name": "mesh", "image": "m"})
    assert differences(deployment(), live) == ()


def test_what_we_own_and_no_longer_want_is_a_difference() -> None:
    live = deployment(env=[{"name": "OLD", "value": "1"}, {"name": "THEIRS", "value": "2"}])
    owned: dict[str, Any] = {
        "f:env": {'k:{"name":"OLD"}': {".": {}, "f:name": {}, "f:value": {}}},
        "f:name": {},
        "f:image": {},
    }
    fields = {"f:spec": {"f:template": {"f:spec": {"f:containers": {'k:{"name":"worker"}': owned}}}}}
    found = differences(deployment(env=[]), live, fields)
    assert [change.path for change in found] == ['spec.template.spec.containers[{"name":"worker"}].env[{"name":"OLD"}]']


def test_a_field_we_own_is_removed_when_it_is_no_longer_stated() -> None:
    live = {"metadata": {"labels": {"a": "1", "b": "2"}}}
    fields: dict[str, Any] = {"f:metadata": {"f:labels": {"f:a": {}, "f:b": {}}}}
    assert differences({"metadata": {"labels": {"a": "1"}}}, live, fields) == (
        FieldChange("metadata.labels.b", "2", None),
    )


@pytest.mark.parametrize(
    ("left", "right"), [("1000m", "1"), ("1024Mi", "1Gi"), ("0.5", "500m"), ("1k", "1000"), (1, "1")]
)
def test_quantities_that_mean_the_same_are_the_same(left: object, right: object) -> None:
    assert same_quantity(left, right)
    assert differences({"resources": {"limits": {"cpu": left}}}, {"resources": {"limits": {"cpu": right}}}) == ()


def test_quantities_that_differ_are_a_difference_and_strings_elsewhere_are_no_quantities() -> None:
    assert differences({"limits": {"cpu": "2"}}, {"limits": {"cpu": "1"}})
    assert differences({"data": {"x": "1000m"}}, {"data": {"x": "1"}})


def test_policy_ports_of_one_protocol_are_not_confused() -> None:
    wanted = {"ports": [{"port": 53, "protocol": "TCP"}, {"port": 54, "protocol": "TCP"}]}
    assert differences(wanted, wanted) == ()
    assert differences(wanted, {"ports": wanted["ports"][:1]})


JSON = st.recursive(
    st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=10,
)
OBJECTS = st.dictionaries(st.text(max_size=5), JSON, max_size=4)


@given(OBJECTS)
def test_nothing_differs_from_itself(value: dict[str, Any]) -> None:
    assert diff(value, value) == ()
    assert differences(value, value) == ()


@given(OBJECTS, OBJECTS)
def test_a_diff_is_empty_only_between_equals(left: dict[str, Any], right: dict[str, Any]) -> None:
    assert (diff(left, right) == ()) == (left == right)


def test_items_with_names_are_told_by_name_and_their_order_counts() -> None:
    before = {"members": [{"name": "a", "tier": "Support"}, {"name": "b"}]}
    after = {"members": [{"name": "a", "tier": "Execution"}, {"name": "b"}]}
    assert diff(before, after) == (FieldChange("members[a].tier", "Support", "Execution"),)
    turned = {"members": [{"name": "b"}, {"name": "a", "tier": "Support"}]}
    assert diff(before, turned) == (FieldChange("members", ["a", "b"], ["b", "a"]),)
