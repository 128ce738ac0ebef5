"""Model: one way to get an answer, what it costs, what it may see and how capable it is."""

from decimal import Decimal
from typing import Annotated, Literal

from pydantic import Field

from aios.naming import API_VERSION
from aios.spec.base import Conditions, Part, Resource, TextSource
from aios.spec.vocabulary import Duration, Line, Locality, Price, Privacy, Provider, Sentence, Text, Word

LOCAL_PROVIDERS = {Provider.SCRIPTED: Locality.LOCAL}
"""Providers whose models run on machines you run unless stated otherwise; every other is taken for a cloud."""


class Prices(Part):
    """USD per million tokens, as quoted strings."""

    input_per_m_tok: Price = Field(alias="inputPerMTok", description='USD per million input tokens, quoted: "3.00".')
    output_per_m_tok: Price = Field(alias="outputPerMTok", description='USD per million output tokens: "15.00".')


class ScriptMatch(Part):
    """When a rule speaks. Every stated field must match; an empty match always does."""

    member: Word | None = Field(default=None, description="The member that asks.")
    task: Word | None = Field(default=None, description="The task's name, or a glob such as test-*.")
    text: Line | None = Field(default=None, description="A regular expression searched in the last message.")
    turn: Annotated[int, Field(ge=0, le=1000)] | None = Field(
        default=None, description="How many replies this attempt has had before: 0 is the first."
    )
    attempt: Annotated[int, Field(ge=1, le=100)] | None = Field(
        default=None, description="Which attempt at the task this is: 1 is the first."
    )


class ScriptCall(Part):
    """A tool call the script makes."""

    tool: Word = Field(description="The tool's name, such as write_file.")
    args: Annotated[dict[str, object], Field(max_length=20)] = Field(
        default_factory=dict, description="Its arguments, in any form the tool takes."
    )


class ScriptUsage(Part):
    """Tokens a reply claims to have used; without it they are estimated from the text's length."""

    input_tokens: Annotated[int, Field(ge=0, le=10_000_000)] = Field(description="Tokens read.")
    output_tokens: Annotated[int, Field(ge=0, le=10_000_000)] = Field(description="Tokens written.")


class ScriptRule(Part):
    """When `when` matches, answer with `reply` and `toolCalls`. The first rule that matches speaks."""

    when: ScriptMatch = Field(default_factory=ScriptMatch, description="When this rule speaks.")
    reply: Text = Field(default="", description="The text of the answer.")
    tool_calls: Annotated[tuple[ScriptCall, ...], Field(max_length=20)] = Field(
        default=(), description="Tools the answer calls."
    )
    usage: ScriptUsage | None = Field(default=None, description="Tokens the answer claims to have used.")
    delay: Duration | None = Field(default=None, description="How long the answer takes.")
    error: Line | None = Field(default=None, description="Fail with this message instead of answering.")


class ModelSpec(Part):
    """What the user states about a model."""

    provider: Provider = Field(description="Who answers: Scripted plays a script, for demos and tests.")
    model: Word | None = Field(default=None, description="The provider's name for the model.")
    locality: Locality | None = Field(
        default=None,
        description="Local: on machines you run. Cloud: somebody else's. Default for Scripted: Local.",
    )
    clearance: Privacy | None = Field(
        default=None,
        description="The strictest data it may see. Default: Restricted for Local, Internal for Cloud.",
    )
    capability: Annotated[int, Field(ge=1, le=10)] = Field(
        default=5, description="How hard a task it can do, 1 to 10 (the README has the rubric)."
    )
    prices: Prices | None = Field(default=None, description="Required for Cloud; Local is free unless priced.")
    script: Annotated[tuple[ScriptRule, ...], Field(min_length=1, max_length=200)] | None = Field(
        default=None, description="The script of a Scripted model, in place."
    )
    script_from: TextSource | None = Field(default=None, description="The script, as YAML, in a ConfigMap.")

    @property
    def effective_locality(self) -> Locality:
        """Where it runs, with the provider's default."""
        return self.locality or LOCAL_PROVIDERS.get(self.provider, Locality.CLOUD)

    @property
    def effective_clearance(self) -> Privacy:
        """What it may see, with the locality's default. A Cloud model never sees Restricted data."""
        default = Privacy.RESTRICTED if self.effective_locality is Locality.LOCAL else Privacy.INTERNAL
        return self.clearance or default

    @property
    def input_price(self) -> Decimal:
        """USD per million input tokens."""
        return Decimal(self.prices.input_per_m_tok) if self.prices else Decimal(0)

    @property
    def output_price(self) -> Decimal:
        """USD per million output tokens."""
        return Decimal(self.prices.output_per_m_tok) if self.prices else Decimal(0)


class ModelStatus(Part):
    """What the operator found, defaults included."""

    observed_generation: int = Field(default=0, description="The spec's generation this status speaks of.")
    conditions: Conditions = Field(default=(), description="Ready, Reconciling, Stalled.")
    locality: Locality | None = Field(default=None, description="Where it runs, with the default filled in.")
    clearance: Privacy | None = Field(default=None, description="What it may see, with the default filled in.")
    ready: Sentence = Field(default="", description="The Ready condition's status, for the column.")
    reason: Sentence = Field(default="", description="The Ready condition's reason, for the wide column.")


class Model(Resource):
    """A model that members may use by name."""

    api_version: str = API_VERSION
    kind: Literal["Model"] = "Model"
    spec: ModelSpec
    status: ModelStatus = Field(default_factory=ModelStatus)
