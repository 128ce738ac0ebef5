"""What is taken for a program's name, and what a slip is told to write instead."""

import pytest

from aios.spec.programs import allow_fault, check_fault


@pytest.mark.parametrize(
    ("run", "told"),
    [
        (["python3 -m doctest x.py"], 'write ["python3", "-m", "doctest", "x.py"]'),
        (["python3 -c 'a b'", "c"], 'write ["python3", "-c", "a b", "c"]'),
        (["cd x && pytest"], 'write ["sh", "-c", "cd x && pytest"]'),
        (["FOO=1 pytest", "a b"], """write ["sh", "-c", "FOO=1 pytest 'a b'"]"""),
        (["pytest | tee log"], 'write ["sh", "-c", "pytest | tee log"]'),
        (["cat *.md"], 'write ["sh", "-c", "cat *.md"]'),
        ([" "], "name one"),
        (["echo 'open"], 'write ["echo", "\'open"]'),
        ([" ruff", "check"], 'write ["ruff", "check"]'),
        (["/usr/bin/python3", "x.py"], 'write ["python3", "x.py"], or ["sh", "/usr/bin/python3", "x.py"]'),
    ],
)
def test_a_check_that_is_no_program_and_arguments_is_told_how_to_write_it(run: list[str], told: str) -> None:
    assert told in check_fault(run)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("python3 -m", 'write "python3"'),
        ("cd x && make", 'write "sh"'),
        (" ", "name one"),
        ("./gradlew", 'write "gradlew", or "sh"'),
    ],
)
def test_what_a_member_may_run_is_a_name_alone(name: str, told: str) -> None:
    assert told in allow_fault(name)


def test_names_are_names_and_arguments_may_be_anything() -> None:
    assert check_fault(["g++-13", "-o", "a b", "./x/y"]) == ""
    assert allow_fault("python3.13") == ""
