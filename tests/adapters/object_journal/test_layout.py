"""Layout: every name has a key of its own, and prefixes stay prefixes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aios.adapters.object_journal.layout import Layout, first_of

LAYOUT = Layout("journal")
NAMES = st.text(
    st.one_of(st.sampled_from("/./+%!ab"), st.characters(exclude_categories=["Cs"])), min_size=1, max_size=8
)


@given(NAMES)
def test_name_is_read_back_from_its_key(name: str) -> None:
    assert LAYOUT.stream(LAYOUT.index(name)) == name


@given(NAMES, NAMES)
def test_listing_keys_by_prefix_is_listing_names_by_prefix(name: str, prefix: str) -> None:
    assert LAYOUT.index(name).startswith(LAYOUT.index_prefix(prefix)) == name.startswith(prefix)
    assert LAYOUT.index(prefix + name).startswith(LAYOUT.index_prefix(prefix))


@given(NAMES, NAMES)
def test_a_right_to_a_prefix_of_names_is_one_to_their_records(name: str, prefix: str) -> None:
    for key in (LAYOUT.batch(name, "0" * 12, 1), LAYOUT.snapshot(name, "0" * 12)):
        assert key.startswith(LAYOUT.records_prefix(f"{prefix}/")) == name.startswith(f"{prefix}/")


@given(NAMES)
def test_keys_are_what_every_store_takes(name: str) -> None:
    for key in (LAYOUT.index(name), LAYOUT.batch(name, "0" * 12, 1), LAYOUT.snapshot(name, "0" * 12)):
        assert key.isascii()
        assert not {"", ".", ".."} & set(key.split("/"))


@given(NAMES, NAMES)
def test_objects_of_one_stream_are_never_listed_among_those_of_another(one: str, two: str) -> None:
    mine, other = LAYOUT.batch(one, "0" * 12, 7), LAYOUT.life(two, "0" * 12)
    assert mine.startswith(other) == (one == two)


def test_appends_sort_by_their_numbers_and_lie_in_thousands() -> None:
    numbers = [1, 9, 10, 999, 1000, 1001, 12345]
    keys = [LAYOUT.batch("s", "0" * 12, number) for number in numbers]
    assert keys == sorted(keys)
    assert [first_of(key) for key in keys] == numbers
    assert [key.startswith(LAYOUT.block("s", "0" * 12, 1234)) for key in keys] == [n // 1000 == 1 for n in numbers]


def test_names_as_long_as_ours_get_are_taken() -> None:
    part = "n" * 63
    LAYOUT.index(f"attempts/{part}/{part}/{'0' * 12}/{part}/12")


def test_segment_that_a_file_system_could_not_hold_is_refused() -> None:
    LAYOUT.index("x" * 242)
    with pytest.raises(ValueError, match="between two slashes"):
        LAYOUT.index("x" * 243)
