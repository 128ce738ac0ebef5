"""References resolve to what they name, or say which object and key is missing."""

import pytest

from aios.spec.base import ConfigMap, KeyRef, Kind, ObjectMeta, Ref, Resource, TextSource
from aios.spec.catalogue import Catalogue, UnresolvedError, resolve_prompt, resolve_script, resolve_text
from aios.spec.conditions import Reason
from aios.spec.model import Model, ModelSpec, ScriptRule
from aios.spec.team import Member
from aios.spec.vocabulary import Provider, Tier

TEXTS = ConfigMap(
    metadata=ObjectMeta(name="texts"),
    data={"prompt": "You work.", "script": "- reply: hello\n- reply: bye\n", "wrong": "- reply: a\n- {replay: b}\n"},
)


def lookup(ref: Ref) -> Resource | None:
    return {TEXTS.ref: TEXTS}.get(ref)


def source(name: str, key: str) -> TextSource:
    return TextSource(config_map_key_ref=KeyRef(name=name, key=key))


def scripted(**spec: object) -> Model:
    return Model(metadata=ObjectMeta(name="m"), spec=ModelSpec.model_validate({"provider": Provider.SCRIPTED, **spec}))


def test_text_comes_from_its_config_map() -> None:
    assert resolve_text(source("texts", "prompt"), "default", lookup) == "You work."


@pytest.mark.parametrize(
    ("name", "key", "namespace", "message"),
    [
        ("texts", "prmpt", "default", 'ConfigMap "texts" has no key "prmpt"; its keys: prompt, script, wrong'),
        ("text", "prompt", "default", 'no ConfigMap named "text" in namespace default'),
        ("texts", "prompt", "prod", 'no ConfigMap named "texts" in namespace prod'),
    ],
)
def test_missing_text_names_object_and_key(name: str, key: str, namespace: str, message: str) -> None:
    with pytest.raises(UnresolvedError, match=message) as caught:
        resolve_text(source(name, key), namespace, lookup)

    assert caught.value.reason is Reason.CONFIG_MAP_KEY_NOT_FOUND
    assert caught.value.missing == Ref(Kind.CONFIG_MAP, namespace, name)


def test_script_in_place_and_in_a_config_map_read_alike() -> None:
    in_place = scripted(script=[{"reply": "hello"}, {"reply": "bye"}])
    elsewhere = scripted(script_from=source("texts", "script"))

    assert resolve_script(in_place, lookup) == resolve_script(elsewhere, lookup)
    assert resolve_script(elsewhere, lookup) == (ScriptRule(reply="hello"), ScriptRule(reply="bye"))


def test_invalid_script_names_line_and_field() -> None:
    with pytest.raises(UnresolvedError, match=r'key "wrong", line 2: \[1\].replay: .* "reply"') as caught:
        resolve_script(scripted(script_from=source("texts", "wrong")), lookup)

    assert caught.value.reason is Reason.INVALID_SCRIPT


def test_prompt_in_place_wins_nothing_and_needs_no_lookup() -> None:
    member = Member(name="a", tier=Tier.EXECUTION, models=("m",), prompt="Here.")
    moved = Member(name="a", tier=Tier.EXECUTION, models=("m",), prompt_from=source("texts", "prompt"))

    assert resolve_prompt(member, "default", lambda ref: None) == "Here."
    assert resolve_prompt(moved, "default", lookup) == "You work."


def test_catalogue_finds_by_ref_and_keeps_apply_order() -> None:
    model = scripted(script=[{"reply": "x"}])

    catalogue = Catalogue((model, TEXTS))

    assert catalogue.resources == (TEXTS, model)
    assert catalogue.get(model.ref) is model
    assert catalogue.get(Ref(Kind.MODEL, "other", "m")) is None
    assert list(catalogue.models) == [model.ref] and list(catalogue.config_maps) == [TEXTS.ref]
