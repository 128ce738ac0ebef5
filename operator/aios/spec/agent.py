"""Agent: made by us, one per member of a team; what `kubectl get agents` lists and `kubectl scale` scales."""

from typing import Annotated, Literal

from pydantic import Field

from aios.naming import API_VERSION
from aios.spec.base import Conditions, Part, Resource
from aios.spec.vocabulary import AgentPhase, MemberName, Name, Sentence


class AgentSpec(Part):
    """Which member, and how many replicas of it."""

    team: Name = Field(description="The team it belongs to; cannot change.")
    member: MemberName = Field(description="The member it plays; cannot change.")
    replicas: Annotated[int, Field(ge=0, le=100)] = Field(
        default=1, description="Seeded from the team; whoever scales the Agent owns it from then on."
    )


class AgentStatus(Part):
    """What its replicas are doing."""

    observed_generation: int = Field(default=0, description="The spec's generation this status speaks of.")
    conditions: Conditions = Field(default=(), description="Ready, Reconciling, Stalled.")
    phase: AgentPhase = Field(default=AgentPhase.PENDING, description="The most active replica's; Degraded wins.")
    tier: Sentence = Field(default="", description="The member's tier, for the column.")
    model: Sentence = Field(default="", description="The member's models, for the column.")
    replicas: int = Field(default=0, description="Replicas that exist (scale subresource).")
    ready_replicas: int = Field(default=0, description="Replicas that answer.")
    selector: Sentence = Field(default="", description="Label selector of its pods (scale subresource).")
    ready: Sentence = Field(default="", description="Replicas ready of replicas wanted, n/m, for the column.")
    busy: int = Field(default=0, description="Tasks running now.")
    done: int = Field(default=0, description="Tasks ended since the Agent was made.")
    tokens: int = Field(default=0, description="Tokens used since the Agent was made.")
    reason: Sentence = Field(default="", description="The Ready condition's reason, for the wide column.")


class Agent(Resource):
    """One member of a team, running."""

    api_version: str = API_VERSION
    kind: Literal["Agent"] = "Agent"
    spec: AgentSpec
    status: AgentStatus = Field(default_factory=AgentStatus)
