"""No search without who asks: every part of it carries the filter."""

from aios.memories.meaning import Dense
from aios.memories.points import to_query, visible
from aios.memories.search import Asker, build_search
from aios.spec.vocabulary import Privacy

ASKER = Asker("default", "red", Privacy.INTERNAL)
FILTER = visible("default", "red", Privacy.INTERNAL)


def test_a_search_by_words_is_filtered() -> None:
    words = to_query("port")
    assert words is not None
    search = build_search(ASKER, words, None, 5)
    assert (search.query, search.prefetch, search.filter, search.limit) == (words, [], FILTER, 5)


def test_both_halves_and_the_whole_of_a_search_by_meaning_are_filtered() -> None:
    words = to_query("port")
    assert words is not None
    search = build_search(ASKER, words, Dense("meaning-1", (1.0, 0.0), 0.6), 5)
    assert [part.filter for part in search.prefetch] == [FILTER, FILTER]
    assert search.filter == FILTER
    assert [part.limit for part in search.prefetch] == [20, 20]
    assert search.prefetch[1].score_threshold == 0.6
