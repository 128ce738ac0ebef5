"""What routing chooses from and what it is asked."""

from dataclasses import dataclass
from decimal import Decimal

from aios.spec.vocabulary import Locality, Privacy, Routing, Tier, Tool


@dataclass(frozen=True, slots=True)
class Candidate:
    """A member with one of its models. `position` is the model's place in the member's list, from 0;
    `seat` the member's place in its team."""

    member: str
    tier: Tier
    member_clearance: Privacy
    tools: frozenset[Tool]
    allow: frozenset[str]
    routing: Routing
    seat: int
    model: str
    position: int
    locality: Locality
    model_clearance: Privacy
    capability: int
    input_price: Decimal
    output_price: Decimal
    healthy: bool = True


@dataclass(frozen=True, slots=True)
class Need:
    """What a task asks of whoever does it."""

    privacy: Privacy
    complexity: int
    tools: frozenset[Tool] = frozenset()
    commands: frozenset[str] = frozenset()
    member: str | None = None
    tier: Tier | None = None
    above_capability: int = 0
    """A model of at most this capability failed the task's check: prefer one above it."""
    unusable: frozenset[str] = frozenset()
    """Models that gave no usable answer to this task: any other is asked before one of them."""
    by_default: bool = False
    """Nobody stated the complexity: it is a wish, and where no model reaches it the best there is will do."""


@dataclass(frozen=True, slots=True)
class Rejected:
    """A candidate that was not chosen, and why, as a phrase a person can read."""

    member: str
    model: str
    reason: str
    forbidden: bool
    """True: must not or cannot do it. False: could, but another was better."""

    @property
    def sentence(self) -> str:
        """As it is shown and journalled: "rejected: clearance Internal < Restricted", "permitted, dearer: ..."."""
        return f"{'rejected: ' if self.forbidden else 'permitted, '}{self.reason}"


@dataclass(frozen=True, slots=True)
class Route:
    """The choice."""

    member: str
    model: str
    reason: str
    rejected: tuple[Rejected, ...]


@dataclass(frozen=True, slots=True)
class NoRoute:
    """Nobody may or can; the task waits with `reason`."""

    reason: str
    rejected: tuple[Rejected, ...]
