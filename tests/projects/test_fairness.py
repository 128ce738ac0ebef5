"""Sharing room between runs."""

from hypothesis import given
from hypothesis import strategies as st

from aios.projects.fairness import fair_shares

demands = st.dictionaries(st.text("abcdef", min_size=1, max_size=3), st.integers(0, 20), max_size=8)


def test_each_gets_one_before_anyone_gets_two() -> None:
    assert fair_shares({"big": 100, "small": 1, "tiny": 1}, 5) == {"big": 3, "small": 1, "tiny": 1}


def test_the_turn_goes_on_where_it_stopped() -> None:
    assert fair_shares({"a": 5, "b": 5, "c": 5}, 1, after="a") == {"b": 1}
    assert fair_shares({"a": 5, "b": 5, "c": 5}, 1, after="c") == {"a": 1}


@given(demands, st.integers(-3, 60), st.text("abcdef", max_size=3))
def test_no_room_is_wasted_and_nobody_gets_more_than_wanted(wanted: dict[str, int], room: int, after: str) -> None:
    shares = fair_shares(wanted, room, after=after)
    assert sum(shares.values()) == min(max(room, 0), sum(wanted.values()))
    assert all(0 < share <= wanted[name] for name, share in shares.items())
    for name, share in shares.items():
        assert all(share <= shares.get(other, 0) + 1 for other, want in wanted.items() if want > shares.get(other, 0))
        assert name in wanted
