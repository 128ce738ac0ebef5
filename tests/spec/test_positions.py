"""Paths are written as people write them, and read back to the same place."""

from hypothesis import given
from hypothesis import strategies as st

from aios.spec.positions import Path, Place, Positions, Spot, format_path, parse_path

STEPS = st.one_of(
    st.integers(0, 999), st.text(st.characters(exclude_characters='"', exclude_categories=["C"]), min_size=1)
)


def test_path_is_written_as_people_write_it() -> None:
    assert format_path(("spec", "members", 0, "tier")) == "spec.members[0].tier"
    assert format_path(("data", "a.yaml", 3, "when")) == 'data["a.yaml"][3].when'


@given(st.lists(STEPS, max_size=6).map(tuple))
def test_path_is_read_back_as_it_was_written(path: Path) -> None:
    assert parse_path(format_path(path)) == path


def test_absent_field_is_placed_at_the_field_around_it() -> None:
    positions = Positions({(): Spot(Place(1, 1)), ("spec",): Spot(Place(3, 3), Place(2, 1))})

    assert positions.of_value(("spec", "prices", "input")) == Place(2, 1)
    assert positions.of_value(("other",)) == Place(1, 1)
