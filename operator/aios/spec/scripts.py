"""The script of a Scripted model as text in a ConfigMap: a YAML list of rules, checked as strictly as a resource."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from aios.spec.checking import check
from aios.spec.composing import SyntaxFaultError
from aios.spec.faults import Fault
from aios.spec.model import ScriptRule
from aios.spec.plain import read
from aios.spec.positions import Path, Place

MAX_RULES = 200
MAX_SCRIPT = 262_144
"""Characters. To parse YAML takes seconds for a ConfigMap's whole megabyte, in which the operator serves nobody."""


@dataclass(frozen=True, slots=True)
class ParsedScript:
    """The rules, empty when there are faults. Places count from the text's own first line."""

    rules: tuple[ScriptRule, ...]
    faults: tuple[Fault, ...]


@lru_cache(maxsize=64)
def parse_script(text: str) -> ParsedScript:
    """Reads a list of ScriptRule. Never raises: what is wrong is in `faults`."""
    if len(text) > MAX_SCRIPT:
        too_long = f"{len(text):,} characters; at most {MAX_SCRIPT:,} are allowed: shorten the rules' replies"
        return ParsedScript((), (Fault((), too_long, Place(1, 1)),))
    try:
        document = read(text)
    except SyntaxFaultError as error:
        return ParsedScript((), (Fault((), str(error), error.place),))
    positions = document.positions
    checked = check(tuple[ScriptRule, ...], document.data if document.data is not None else [], positions)
    faults = [*document.faults, *(fault for fault in checked.faults if positions.get(fault.path) or fault.path)]
    rules = checked.value or ()
    if not faults and not 1 <= len(rules) <= MAX_RULES:
        faults.append(Fault((), f"{len(rules)} rules; 1 to {MAX_RULES} are allowed", positions.of_key(())))
    faults.extend(Fault(path, message, positions.of_value(path)) for path, message in rule_faults(rules))
    return ParsedScript(() if faults else rules, tuple(faults))


def rule_faults(rules: Sequence[ScriptRule]) -> list[tuple[Path, str]]:
    """What the shape of a rule cannot say: its regular expression compiles."""
    faults: list[tuple[Path, str]] = []
    for index, rule in enumerate(rules):
        try:
            re.compile(rule.when.text or "")
        except (re.error, OverflowError, RecursionError) as error:
            faults.append(((index, "when", "text"), f"not a valid regular expression: {error}"))
    return faults
