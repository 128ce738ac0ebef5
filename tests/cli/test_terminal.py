"""What is printed is read by people and by programs, and steers neither's terminal."""

import json

import pytest

from aios.cli.terminal import complain, out, paint, say, table, visible

HOSTILE = "\x1b]52;c;aGk=\x07\x1b[2J\x9b31m\x7f\r"
WRITTEN = r"\x1b]52;c;aGk=\x07\x1b[2J\u009b31m\u007f\x0d"


def test_control_characters_are_shown_as_they_are_written() -> None:
    assert visible(HOSTILE) == WRITTEN


def test_tabs_lines_and_all_that_is_text_stay() -> None:
    text = "a\tb\nGr\u00fc\u00dfe \u00a0 \U0001f600 \\x1b"
    assert visible(text) == text


@pytest.mark.parametrize("colours", ["1", ""])
def test_nothing_printed_holds_what_somebody_else_put_in(
    colours: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("FORCE_COLOR", colours)
    monkeypatch.setenv("TERM", "xterm")
    out(f"{HOSTILE} {paint('mine', 'red')}")
    say(HOSTILE)
    complain(HOSTILE)
    printed = capsys.readouterr()
    assert printed.out.startswith(f"{WRITTEN} ")
    assert WRITTEN in printed.err
    assert not set(printed.out + printed.err) & set("\x07\x9b\x7f\r")
    assert "\x1b]" not in printed.out + printed.err
    assert "\x1b[2J" not in printed.out + printed.err


def test_our_own_colours_pass(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aios.cli.terminal.colourful", lambda _: True)
    written: list[str] = []
    monkeypatch.setattr("typer.echo", lambda text, **_: written.append(text))
    out(paint("well", "green") + HOSTILE)
    assert written == [f"\x1b[32mwell\x1b[0m{WRITTEN}"]
    assert capsys.readouterr().out == ""


def test_a_json_document_stays_one_and_means_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    out(json.dumps({"goal": HOSTILE}, ensure_ascii=False))
    assert json.loads(capsys.readouterr().out) == {"goal": HOSTILE}


def test_columns_stand_still_beside_what_is_escaped() -> None:
    assert table(["NAME", "WHY"], [["a\x1b", "x"], ["b", "y"]]) == ["NAME    WHY", r"a\x1b   x", "b       y"]
