"""Whatever stands in a file, the loader answers with resources or findings, and never with an exception.

AIOS_TEST_FUZZ_CASES sets how many files each test invents; `make bench` runs a hundred thousand.
"""

import json
import os
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aios.spec.findings import format_findings
from aios.spec.loading import Loaded, load
from tests.spec.samples import MODELS, PROJECT, TEAM
from tests.spec.verdicts import VALID

CASES = int(os.environ.get("AIOS_TEST_FUZZ_CASES", "60"))
FUZZ = settings(max_examples=CASES, deadline=None, suppress_health_check=list(HealthCheck))
SCRIPTED = """\
apiVersion: v1
kind: ConfigMap
metadata: {name: texts}
data:
  script: |
    - reply: hello
      when: {turn: 1}
---
apiVersion: aios.dev/v1alpha1
kind: Model
metadata: {name: other}
spec:
  provider: Scripted
  scriptFrom: {configMapKeyRef: {name: texts, key: script}}
"""
WHOLE = "---\n".join([MODELS, TEAM, PROJECT, SCRIPTED])
SPICES: tuple[str, ...] = (
    "\t",
    ":",
    "- ",
    "&a ",
    "*a",
    "<<: *a",
    "{",
    "}",
    "[",
    "]",
    '"',
    "'",
    ">",
    "#",
    "!!int ",
    "%",
)
SPICES += ("@", "\n", "\x00", "\x1b[2J", "\x85", "\u2028", "\ufeff", "? ", "~", "yes", "0x1F")
SPICES += ("---\n", "...\n", "1e9", "{{ a.b }}", "{%", "\\ud800", "null", "9" * 30, "é", "🤖", "|")
SPICES += ("apiVersion: v1\n", "kind: List\n", "items:\n", "metadata:\n", "spec: {}\n")


def checked(content: bytes) -> Loaded:
    """Loads the bytes as a file and holds what is promised of every answer."""
    with TemporaryDirectory() as folder:
        (Path(folder) / "x.yaml").write_bytes(content)
        loaded = load(["x.yaml"], cwd=Path(folder))
    last = content.count(b"\n") + content.count(b"\r") + 2
    for finding in loaded.findings:
        assert finding.message
        assert 1 <= finding.line <= last, finding
        assert finding.column >= 1, finding
    assert len(format_findings(loaded.findings).splitlines()) == len(loaded.findings) + 1
    return loaded


@pytest.mark.timeout(0)
@FUZZ
@given(st.binary(max_size=400))
def test_any_bytes_get_an_answer(content: bytes) -> None:
    checked(content)


@pytest.mark.timeout(0)
@FUZZ
@given(st.lists(st.one_of(st.sampled_from(SPICES), st.text(max_size=6)), max_size=60))
def test_any_yaml_like_text_gets_an_answer(parts: list[str]) -> None:
    checked("".join(parts).encode(errors="surrogatepass"))


@st.composite
def mutilated(draw: st.DrawFn) -> str:
    """Good YAML with pieces cut out, doubled, moved and spiced."""
    text = WHOLE
    for _ in range(draw(st.integers(1, 6))):
        start = draw(st.integers(0, len(text)))
        end = min(len(text), start + draw(st.integers(0, 40)))
        middle = draw(st.one_of(st.sampled_from(SPICES), st.just(text[start:end] * 2), st.just("")))
        text = text[:start] + middle + text[end:]
    return text


@pytest.mark.timeout(0)
@FUZZ
@given(mutilated())
def test_mutilated_resources_get_an_answer(text: str) -> None:
    checked(text.encode(errors="surrogatepass"))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=8), inner, max_size=4)),
    max_leaves=8,
)  # fmt: skip


@st.composite
def misfitted(draw: st.DrawFn) -> str:
    """A valid object with any value in any place."""
    document = json.loads(json.dumps(draw(st.sampled_from(VALID[:-1])).to_object()))
    for _ in range(draw(st.integers(1, 3))):
        spot = document
        while isinstance(spot, dict | list) and spot:
            keys = list(spot) if isinstance(spot, dict) else list(range(len(spot)))
            key = draw(st.sampled_from(keys))
            if draw(st.booleans()) or not isinstance(spot[key], dict | list):
                spot[key] = draw(JSON)
                break
            spot = spot[key]
    return json.dumps(document, ensure_ascii=draw(st.booleans()))


@pytest.mark.timeout(0)
@FUZZ
@given(misfitted())
def test_any_value_in_any_field_gets_an_answer(text: str) -> None:
    checked(text.encode(errors="surrogatepass"))


def test_unspoilt_text_is_valid() -> None:
    assert len(checked(WHOLE.encode()).require().resources) == 6
