"""What `-o yaml` prints is what there is, whatever is in the texts."""

from hypothesis import example, given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from aios.cli.documents import to_yaml
from aios.cli.terminal import visible

TEXTS = st.text(st.one_of(st.characters(codec="utf-8"), st.sampled_from("\n\r\t \x1b\x7f\x85\u2028#-:'\"|>")))


@given(TEXTS, TEXTS)
@example("done \x1b[31m\r\n x", "a\n\n\n")
def test_texts_come_back_as_they_were_though_no_terminal_is_steered(one: str, last: str) -> None:
    document = {"one": [one], "last": {one: last}}
    printed = to_yaml([document]) + "\n"
    assert visible(printed) == printed
    assert YAML(typ="safe").load(printed) == document


def test_a_text_of_several_lines_is_a_block() -> None:
    assert to_yaml([{"goal": "one\ntwo\n"}, {"goal": "three"}]) == "goal: |\n  one\n  two\n---\ngoal: three"
