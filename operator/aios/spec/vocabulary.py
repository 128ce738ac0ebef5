"""The closed sets of words the YAML is written in, and the bounded scalar types its fields share."""

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated

from pydantic import BeforeValidator, StringConstraints


class Provider(StrEnum):
    """Who answers a model's calls."""

    SCRIPTED = "Scripted"
    ANTHROPIC = "Anthropic"
    OLLAMA = "Ollama"
    OPENAI_COMPATIBLE = "OpenAICompatible"
    LLAMA_CPP = "LlamaCpp"


class Locality(StrEnum):
    """Where a model runs: Local means that no byte leaves the machines you run."""

    LOCAL = "Local"
    CLOUD = "Cloud"


class Privacy(StrEnum):
    """How far data may travel, from loosest to strictest. Compare with `<=`, never as text."""

    PUBLIC = "Public"
    INTERNAL = "Internal"
    RESTRICTED = "Restricted"

    @property
    def rank(self) -> int:
        """0 for Public, 1 for Internal, 2 for Restricted."""
        return _RANKS[self]

    def permits(self, data: "Privacy") -> bool:
        """Whether a clearance of this level may see `data`."""
        return data.rank <= self.rank

    def stricter(self, other: "Privacy") -> "Privacy":
        """The stricter of two labels: labels only grow as data flows on."""
        return self if self.rank >= other.rank else other


_RANKS = {label: rank for rank, label in enumerate(Privacy)}


class Tier(StrEnum):
    """What a member is for: it plans and reviews, it does the work, or it does the simple work."""

    STRATEGIC = "Strategic"
    EXECUTION = "Execution"
    SUPPORT = "Support"

    @property
    def default_complexity(self) -> int:
        """The complexity of a task of this tier that states none (1 to 10)."""
        return {Tier.STRATEGIC: 8, Tier.EXECUTION: 5, Tier.SUPPORT: 3}[self]


class Routing(StrEnum):
    """How one of several permitted and capable models is chosen."""

    CHEAPEST = "Cheapest"
    IN_ORDER = "InOrder"


class Tool(StrEnum):
    """What a member may use besides its model. Commands are allowed by `run.allow`."""

    FILES = "Files"
    MEMORY = "Memory"
    MESSAGES = "Messages"


class Strategy(StrEnum):
    """How a team turns a goal into tasks."""

    SUPERVISOR = "Supervisor"
    SEQUENTIAL = "Sequential"


class DeletionPolicy(StrEnum):
    """What becomes of a project's files and journal when the Project is deleted."""

    RETAIN = "Retain"
    DELETE = "Delete"


class OnChange(StrEnum):
    """What happens to a run in progress when its project's spec changes."""

    FINISH = "Finish"
    CANCEL = "Cancel"


class OnInDoubt(StrEnum):
    """What follows a model call that was started and whose answer was never recorded."""

    RETRY = "Retry"
    PARK = "Park"


class ProjectPhase(StrEnum):
    """Where a project is."""

    PENDING = "Pending"
    PLANNING = "Planning"
    RUNNING = "Running"
    PAUSED = "Paused"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    CANCELLED = "Cancelled"

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen without a new run or a retry."""
        return self in {ProjectPhase.SUCCEEDED, ProjectPhase.FAILED, ProjectPhase.CANCELLED}


class AgentPhase(StrEnum):
    """What an agent's most active replica is doing; Degraded wins over all."""

    PENDING = "Pending"
    STARTING = "Starting"
    IDLE = "Idle"
    WORKING = "Working"
    DEGRADED = "Degraded"
    STOPPED = "Stopped"


class TaskPhase(StrEnum):
    """Where a task of a run is."""

    BLOCKED = "Blocked"
    WAITING = "Waiting"
    READY = "Ready"
    RUNNING = "Running"
    BACKOFF = "BackOff"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    SKIPPED = "Skipped"
    CANCELLED = "Cancelled"

    @property
    def ended(self) -> bool:
        """Whether the task will not run again in this run unless somebody retries it."""
        return self in {TaskPhase.SUCCEEDED, TaskPhase.FAILED, TaskPhase.SKIPPED, TaskPhase.CANCELLED}


_LABEL = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"
_ARGUMENT = r"^[^\x00]+$"
_INPUT_KEY = r"^[a-zA-Z_][a-zA-Z0-9_]*$"
_PRICE = r"^[0-9]{1,6}(\.[0-9]{1,6})?$"
_URL = r"^https?://(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(:[0-9]{1,5})?(/\S*)?$"
_DURATION = r"^([0-9]{1,6}(ms|s|m|h))+$"
# Six digits, not all of them 0, without the look-ahead that an API server's patterns do not know.
_ABOVE_0 = "([1-9][0-9]{0,5}|0[1-9][0-9]{0,4}|00[1-9][0-9]{0,3}|000[1-9][0-9]{0,2}|0000[1-9][0-9]?|00000[1-9])"
_TIME_LIMIT = rf"^([0-9]{{1,6}}(ms|s|m|h))*{_ABOVE_0}(ms|s|m|h)([0-9]{{1,6}}(ms|s|m|h))*$"

Name = Annotated[str, StringConstraints(pattern=_LABEL, max_length=40)]
"""The name of a Model, AgentTeam or Project: a DNS label of at most 40 characters."""
MemberName = Annotated[str, StringConstraints(pattern=_LABEL, max_length=20)]
AgentName = Annotated[str, StringConstraints(pattern=_LABEL, max_length=61)]
TaskName = Annotated[str, StringConstraints(pattern=_LABEL, max_length=40)]
Text = Annotated[str, StringConstraints(max_length=16_384)]
Line = Annotated[str, StringConstraints(max_length=1_024)]
Word = Annotated[str, StringConstraints(min_length=1, max_length=256)]
Argument = Annotated[str, StringConstraints(min_length=1, max_length=256, pattern=_ARGUMENT)]
"""Of a command: no program can be given a NUL character."""
KEY_LENGTH = 40
InputKey = Annotated[str, StringConstraints(pattern=_INPUT_KEY, max_length=KEY_LENGTH)]
"""The name of an input: prompts write it as inputs.NAME."""
Price = Annotated[str, StringConstraints(pattern=_PRICE, max_length=13)]
"""USD per million tokens, quoted so that no floating point ever touches money: "0.25"."""
Url = Annotated[str, StringConstraints(pattern=_URL, max_length=512)]
"""Where a server listens; never with credentials in it. A host is plain ASCII, so that whoever judges it reads what the
HTTP client connects to: an ideographic full stop is a dot to the one and not to the other."""
Duration = Annotated[str, StringConstraints(pattern=_DURATION, max_length=24)]
"""A length of time such as 90s, 10m or 1h30m."""
TimeLimit = Annotated[str, StringConstraints(pattern=_TIME_LIMIT, max_length=24)]
"""A Duration above 0: elsewhere 0 means "no limit", and taken at its word it ends everything before it began."""

Sentence = Annotated[str, BeforeValidator(lambda text: shortened(text, 1_024)), StringConstraints(max_length=1_024)]
"""What a status says: cut to its bound instead of refused, because a long error must not hide itself."""

PATTERNS: Mapping[str, str] = {
    _LABEL: 'lower-case letters, digits and "-", with a letter or digit at both ends',
    _ARGUMENT: "an argument of a command, without a NUL character",
    _INPUT_KEY: 'letters, digits and "_", not starting with a digit',
    _PRICE: 'USD as "0.25": at most six digits before and after the point',
    _URL: "a URL such as http://ollama:11434, without user and password",
    _DURATION: "a length of time such as 90s, 10m or 1h30m",
    _TIME_LIMIT: "a length of time such as 90s, 10m or 1h30m, and above 0",
}
"""Every pattern above in words, for error messages."""

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


def seconds(duration: str) -> float:
    """The length of a `Duration` in seconds: `seconds("1h30m") == 5400.0`."""
    parts = re.findall(r"([0-9]+)(ms|s|m|h)", duration)
    return sum(int(number) * _UNITS[unit] for number, unit in parts)


def shortened(text: object, limit: int) -> object:
    """A text of at most `limit` characters, its end replaced by "..."; anything else as it is."""
    return f"{text[: limit - 3]}..." if isinstance(text, str) and len(text) > limit else text
