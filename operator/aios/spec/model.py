"""Model: one way to get an answer, what it costs, what it may see and how capable it is."""

from decimal import Decimal
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import Field

from aios.naming import API_VERSION
from aios.spec.base import Conditions, Part, Resource, SecretKeyRef, TextSource
from aios.spec.vocabulary import (
    Duration,
    Line,
    Locality,
    Price,
    Privacy,
    Provider,
    Sentence,
    Text,
    TimeLimit,
    Url,
    Word,
)

LOCAL_PROVIDERS = frozenset({Provider.SCRIPTED, Provider.OLLAMA, Provider.LLAMA_CPP})
"""Providers whose models run on machines you run unless stated otherwise; every other is taken for a cloud."""
CLOUD_HOSTS = (
    "ai.azure.com",
    "aliyuncs.com",
    "amazonaws.com",
    "anthropic.com",
    "cerebras.ai",
    "cloudflare.com",
    "cognitiveservices.azure.com",
    "cohere.ai",
    "cohere.com",
    "deepinfra.com",
    "deepseek.com",
    "fireworks.ai",
    "github.ai",
    "googleapis.com",
    "groq.com",
    "huggingface.cloud",
    "huggingface.co",
    "jina.ai",
    "mistral.ai",
    "mixedbread.ai",
    "mixedbread.com",
    "moonshot.ai",
    "nomic.ai",
    "nvidia.com",
    "ollama.com",
    "openai.azure.com",
    "openai.com",
    "openrouter.ai",
    "perplexity.ai",
    "replicate.com",
    "together.ai",
    "together.xyz",
    "voyageai.com",
    "x.ai",
)
"""Whose hosts, and their subdomains, are somebody else's machines whatever a spec states."""
OLLAMA_CLOUD_SUFFIXES = ("-cloud", ":cloud")
"""An Ollama daemon passes models of such names, in any case, on to its maker's cloud (its documentation, "Cloud
models")."""


class Prices(Part):
    """USD per million tokens, as quoted strings."""

    input_per_m_tok: Price = Field(alias="inputPerMTok", description='USD per million input tokens, quoted: "3.00".')
    output_per_m_tok: Price = Field(alias="outputPerMTok", description='USD per million output tokens: "15.00".')
    cache_read_per_m_tok: Price | None = Field(
        default=None,
        alias="cacheReadPerMTok",
        description="USD per million input tokens that a prompt cache served. Default: the input price.",
    )
    cache_write_per_m_tok: Price | None = Field(
        default=None,
        alias="cacheWritePerMTok",
        description="USD per million input tokens written to a prompt cache. Default: 1.25 times the input price.",
    )


class ModelLimits(Part):
    """What the provider allows, shared by every replica of every team in the namespace. Calls wait for their turn."""

    requests_per_minute: Annotated[int, Field(ge=1, le=1_000_000)] | None = Field(
        default=None, description="Calls a minute."
    )
    tokens_per_minute: Annotated[int, Field(ge=1, le=1_000_000_000)] | None = Field(
        default=None, description="Tokens a minute, input and output together, as estimated before each call."
    )
    concurrency: Annotated[int, Field(ge=1, le=1_000)] | None = Field(
        default=None, description="Calls at the same time."
    )


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
    model: Word | None = Field(
        default=None,
        description="The provider's name for the model; for LlamaCpp the path of a GGUF file. Required but for "
        "Scripted and LlamaCpp, which brings a small one of its own.",
    )
    endpoint: Url | None = Field(
        default=None,
        description="Where the provider's API answers. Default: the vendor's own; for Ollama http://127.0.0.1:11434. "
        "Required for OpenAICompatible.",
    )
    credentials_secret_ref: SecretKeyRef | None = Field(
        default=None,
        description="The Secret key that holds the API key. On a laptop also .aios/secrets/NAME/KEY, then the "
        "vendor's variable (ANTHROPIC_API_KEY, OPENAI_API_KEY).",
    )
    locality: Locality | None = Field(
        default=None,
        description="Local: on machines you run. Cloud: somebody else's. Default: Local for Scripted, Ollama and "
        "LlamaCpp, Cloud for the others and for Ollama's cloud models.",
    )
    clearance: Privacy | None = Field(
        default=None,
        description="The strictest data it may see. Default: Restricted for Local, Internal for Cloud.",
    )
    capability: Annotated[int, Field(ge=1, le=10)] = Field(
        default=5, description="How hard a task it can do, 1 to 10 (the README has the rubric)."
    )
    prices: Prices | None = Field(default=None, description="Required for Cloud; Local is free unless priced.")
    context_window: Annotated[int, Field(ge=256, le=100_000_000)] | None = Field(
        default=None,
        description="Tokens of input and output together that the model can hold. Ollama and LlamaCpp are started "
        "with it; default 8192 for them.",
    )
    max_output_tokens: Annotated[int, Field(ge=1, le=1_000_000)] = Field(
        default=4096, description="The longest answer, in tokens."
    )
    call_timeout: TimeLimit = Field(default="10m", description="How long one call may take, from sending to the end.")
    keep_alive: Duration | None = Field(
        default=None, description="How long Ollama keeps the model loaded after a call. Default: Ollama's own."
    )
    limits: ModelLimits = Field(default_factory=ModelLimits, description="What the provider allows at once.")
    script: Annotated[tuple[ScriptRule, ...], Field(min_length=1, max_length=200)] | None = Field(
        default=None, description="The script of a Scripted model, in place."
    )
    script_from: TextSource | None = Field(default=None, description="The script, as YAML, in a ConfigMap.")

    @property
    def effective_locality(self) -> Locality:
        """Where it runs, with the provider's default. What is known to be somebody else's machine is a Cloud whatever
        is stated."""
        if self.known_cloud:
            return Locality.CLOUD
        return self.locality or (Locality.LOCAL if self.provider in LOCAL_PROVIDERS else Locality.CLOUD)

    @property
    def known_cloud(self) -> str:
        """What shows that calls leave for somebody else's machines; empty when nothing does."""
        host = self.host.rstrip(".")
        if any(host == cloud or host.endswith(f".{cloud}") for cloud in CLOUD_HOSTS):
            return f"endpoint {host}"
        if self.provider is Provider.ANTHROPIC and not self.endpoint:
            return "provider Anthropic without an endpoint of your own"
        if self.provider is Provider.OLLAMA and (self.model or "").lower().endswith(OLLAMA_CLOUD_SUFFIXES):
            return f"model {self.model}"
        return ""

    @property
    def host(self) -> str:
        """The endpoint's host in lower case; "" when there is none, or none that can be read (`rules` says so)."""
        try:
            return urlsplit(self.endpoint or "").hostname or ""
        except ValueError:
            return ""

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

    @property
    def cache_read_price(self) -> Decimal:
        """USD per million input tokens that a cache served."""
        stated = self.prices.cache_read_per_m_tok if self.prices else None
        return Decimal(stated) if stated is not None else self.input_price

    @property
    def cache_write_price(self) -> Decimal:
        """USD per million input tokens that a cache took."""
        stated = self.prices.cache_write_per_m_tok if self.prices else None
        return Decimal(stated) if stated is not None else self.input_price * Decimal("1.25")


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
