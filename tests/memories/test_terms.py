"""Text as weighted terms."""

import pytest

from aios.memories.terms import document_weights, query_weights, term_id, terms


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The Parser, rejects: TABS!", ["the", "parser", "rejects", "tabs"]),
        ("snake_case kebab-case v1.2", ["snake", "case", "kebab", "case", "v1", "2"]),
        ("Straße STRASSE", ["strasse", "strasse"]),
        ("ﬁle ２", ["file", "2"]),
        ("数据库", ["数据", "据库"]),
        ("水", ["水"]),
        ("", []),
        ("?! ... _", []),
    ],
)
def test_terms_are_words_without_case_and_pairs_where_words_have_no_spaces(text: str, expected: list[str]) -> None:
    assert list(terms(text)) == expected


def test_repetition_counts_less_and_less() -> None:
    one, two, ten = (document_weights("word " * count)[term_id("word")] for count in (1, 2, 10))
    assert one < two < ten < 2.2
    assert two - one > (ten - two) / 8


def test_word_in_a_short_text_weighs_more_than_in_a_long_one() -> None:
    filler = " ".join(f"filler{number}" for number in range(200))
    assert document_weights("word")[term_id("word")] > document_weights(f"word {filler}")[term_id("word")]


def test_question_counts_each_term_once() -> None:
    assert query_weights("word word other") == {term_id("word"): 1.0, term_id("other"): 1.0}


def test_term_has_the_same_number_in_every_process() -> None:
    assert term_id("word") == 3_244_613_761
