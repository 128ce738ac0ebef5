"""Files that are right, for tests to put one mistake into, and what loading says of them."""

from pathlib import Path

from aios.spec.findings import format_findings
from aios.spec.loading import Loaded, load

MODELS = """\
apiVersion: aios.dev/v1alpha1
kind: Model
metadata: {name: strong}
spec:
  provider: Scripted
  locality: Cloud
  prices: {inputPerMTok: "3.00", outputPerMTok: "15.00"}
  script: [{reply: hello}]
---
apiVersion: aios.dev/v1alpha1
kind: Model
metadata: {name: local}
spec:
  provider: Scripted
  script: [{reply: hello}]
"""

TEAM = """\
apiVersion: aios.dev/v1alpha1
kind: AgentTeam
metadata: {name: software}
spec:
  strategy: Supervisor
  members:
  - name: architect
    tier: Strategic
    models: [strong]
    prompt: Plan.
  - name: developer
    tier: Execution
    models: [local, strong]
    prompt: |
      You write {{ inputs.language }}.
      Be brief.
  - name: writer
    tier: Support
    models: [local]
    clearance: Restricted
    prompt: You write the README.
"""

PROJECT = """\
apiVersion: aios.dev/v1alpha1
kind: Project
metadata: {name: word-count}
spec:
  team: software
  goal: A word counter.
  inputs: {language: Python}
"""


def loaded(folder: Path, **files: str) -> Loaded:
    """The folder's files named as keyword arguments; what they refer to is there."""
    for name, text in files.items():
        (folder / f"{name}.yaml").write_text(text)
    for name, text in (("models", MODELS), ("team", TEAM), ("project", PROJECT)):
        if name not in files:
            (folder / f"{name}.yaml").write_text(text)
    return load([f"{name}.yaml" for name in files], cwd=folder, context=["."])


def lines(result: Loaded) -> list[str]:
    return format_findings(result.findings).splitlines()[:-1]
