"""The text of `aios plan --explain`."""

from aios.routing.candidates import Need
from aios.routing.choose import choose
from aios.routing.explain import explain
from aios.spec.vocabulary import Privacy
from tests.routing.test_choose import NEED, TEAM


def test_the_choice_comes_first_and_everybody_has_a_reason() -> None:
    need = Need(Privacy.INTERNAL, 5, commands=frozenset({"python3"}))
    assert explain("word-count/implement", need, choose(need, TEAM)) == (
        "word-count/implement  privacy Internal, complexity 5\n"
        "  -> developer/local    free, capability 5 >= 5, cleared\n"
        "     developer/strong   permitted, dearer: $3.00/$15.00\n"
        "     writer/local       rejected: may not run python3"
    )


def test_a_task_nobody_may_do_says_why_it_waits() -> None:
    text = explain("p/t", NEED, choose(NEED, ()))
    assert text.splitlines()[1].startswith("  waits: the team has no member")
