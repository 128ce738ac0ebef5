"""AgentTeam: the members, what each may use, and how the team turns a goal into tasks."""

from typing import Annotated, Literal

from pydantic import Field

from aios.naming import API_VERSION
from aios.spec.base import Conditions, Part, Resource, TextSource
from aios.spec.vocabulary import (
    Duration,
    MemberName,
    Name,
    OnInDoubt,
    Privacy,
    Routing,
    Sentence,
    Strategy,
    Text,
    Tier,
    TimeLimit,
    Tool,
    Word,
)


class Run(Part):
    """Which commands a member may run."""

    allow: Annotated[tuple[Word, ...], Field(max_length=20)] = Field(
        default=(), description="Names of programs it may run, nothing else: no paths, no arguments."
    )


class Member(Part):
    """One role of the team, played by `replicas` agents."""

    name: MemberName = Field(description="Unique within the team.")
    tier: Tier = Field(description="Strategic plans and reviews, Execution works, Support does the simple work.")
    replicas: Annotated[int, Field(ge=0, le=100)] = Field(default=1, description="How many agents play this role.")
    clearance: Privacy = Field(
        default=Privacy.INTERNAL,
        description="The strictest data it may see; Restricted needs Local models only.",
    )
    models: Annotated[tuple[Name, ...], Field(min_length=1, max_length=10)] = Field(
        description="Models it may use, by name."
    )
    routing: Routing = Field(
        default=Routing.CHEAPEST, description="Cheapest that is permitted and capable, or InOrder as listed."
    )
    prompt: Text | None = Field(default=None, description="Who it is, as a jinja2 template.")
    prompt_from: TextSource | None = Field(default=None, description="The prompt, in a ConfigMap.")
    tools: Annotated[tuple[Tool, ...], Field(max_length=10)] = Field(default=(), description="Tools it may use.")
    run: Run = Field(default_factory=Run, description="Commands it may run.")


class Limits(Part):
    """Bounds on every task of the team."""

    task_timeout: TimeLimit = Field(
        default="10m",
        description="How long one attempt at a task may take, apart from waiting for a model's limits or circuit.",
    )
    max_attempts: Annotated[int, Field(ge=1, le=20)] = Field(default=3, description="Attempts at one task.")
    max_steps: Annotated[int, Field(ge=1, le=500)] = Field(default=20, description="Model calls in one attempt.")
    on_in_doubt: OnInDoubt = Field(
        default=OnInDoubt.RETRY,
        description="After a crash within a model call: Retry it (it may be charged twice) or Park the task.",
    )
    max_in_flight: Annotated[int, Field(ge=1, le=100)] = Field(
        default=10, description="Tasks of one project that may run at the same time."
    )
    reply_cache: Duration | None = Field(
        default=None,
        description="How long a model's answer to exactly the same request in a first attempt may be given again "
        "without asking it, such as 1h. A request holds the project's name, goal and list of files. Answers are kept "
        "with the sessions meanwhile. Default: never.",
    )


class TeamSpec(Part):
    """What the user states about a team."""

    members: Annotated[tuple[Member, ...], Field(min_length=1, max_length=20)] = Field(
        description="Who is in the team.", json_schema_extra={"x-kubernetes-list-map-keys": ["name"]}
    )
    strategy: Strategy = Field(
        default=Strategy.SUPERVISOR,
        description="Supervisor: a Strategic member plans. Sequential: members in turn.",
    )
    supervisor: MemberName | None = Field(
        default=None, description="The member that plans. Default: the only Strategic member."
    )
    limits: Limits = Field(default_factory=Limits, description="Bounds on every task.")

    def member(self, name: str) -> Member | None:
        """The member of that name."""
        return next((member for member in self.members if member.name == name), None)

    @property
    def effective_supervisor(self) -> str | None:
        """The member that plans: the one named, else the only Strategic one, else None."""
        strategic = [member.name for member in self.members if member.tier is Tier.STRATEGIC]
        return self.supervisor or (strategic[0] if len(strategic) == 1 else None)


class TeamStatus(Part):
    """What the operator found."""

    observed_generation: int = Field(default=0, description="The spec's generation this status speaks of.")
    conditions: Conditions = Field(default=(), description="Ready, Reconciling, Stalled.")
    agents: Sentence = Field(default="", description="Agents ready of agents wanted, n/m, for the column.")
    ready: Sentence = Field(default="", description="The Ready condition's status, for the column.")
    reason: Sentence = Field(default="", description="The Ready condition's reason, for the wide column.")


class AgentTeam(Resource):
    """A team of agents that projects name."""

    api_version: str = API_VERSION
    kind: Literal["AgentTeam"] = "AgentTeam"
    spec: TeamSpec
    status: TeamStatus = Field(default_factory=TeamStatus)
