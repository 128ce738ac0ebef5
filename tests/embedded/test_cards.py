"""A card of the state folder is the old one or the new one, never half of one."""

from pathlib import Path

import pytest

from aios.embedded.cards import is_unfinished, write_card


def test_a_card_is_replaced_whole(tmp_path: Path) -> None:
    card = tmp_path / "card.json"
    for text in ("old and long", "new"):
        write_card(card, text)
        assert card.read_text() == text
    assert list(tmp_path.iterdir()) == [card]


def test_a_crash_leaves_the_old_card_and_what_is_known_for_a_remnant(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    card = tmp_path / "card.json"
    write_card(card, "old")

    def die(_: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("os.fsync", die)
    with pytest.raises(KeyboardInterrupt):
        write_card(card, "new")
    assert card.read_text() == "old"
    assert [is_unfinished(path.name) for path in tmp_path.iterdir() if path != card] == [True]
    assert not is_unfinished(card.name)
