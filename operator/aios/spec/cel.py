"""Rules between fields that the API server checks by itself, in its expression language (CEL).

Each has its twin in `rules`; what CEL cannot find (circles, other objects, prompts) is there alone. CEL's cost is
estimated from the schema's bounds, so a larger bound may make an API server refuse the whole CRD.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from aios.naming import PLAN_TASK
from aios.spec.model import CLOUD_HOSTS
from aios.spec.programs import NO_NAME
from aios.spec.vocabulary import KEY_LENGTH, PATTERNS


@dataclass(frozen=True, slots=True)
class Rule:
    """An expression that must be true, and what to say when it is not. `field` is ".spec" style, the one at fault."""

    expression: str
    message: str
    field: str = ""

    def to_schema(self) -> dict[str, str]:
        """As an entry of x-kubernetes-validations."""
        schema = {"rule": self.expression, "message": self.message}
        return {**schema, "fieldPath": self.field} if self.field else schema


_NAME = Rule(
    "self.metadata.name.size() <= 40 && self.metadata.name.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$')",
    'metadata.name: lower-case letters, digits and "-", at most 40 characters',
)
_HOST = "|".join(host.replace(".", "[.]") for host in CLOUD_HOSTS)
_KNOWN_CLOUD = (
    f"((has(self.endpoint) && self.endpoint.matches('(?i)^https?://([^/]*[.])?({_HOST})[.]*(:[0-9]+)?(/.*)?$'))"
    " || (self.provider == 'Anthropic' && !has(self.endpoint))"
    " || (self.provider == 'Ollama' && has(self.model) && self.model.matches('(?i)[-:]cloud$')))"
)
_CLOUD = (
    f"({_KNOWN_CLOUD} || (has(self.locality) ? self.locality == 'Cloud' : self.provider in ['Anthropic',"
    " 'OpenAICompatible']))"
)

RULES: Mapping[str, tuple[Rule, ...]] = {
    "Model": (_NAME,),
    "AgentTeam": (_NAME,),
    "Project": (_NAME,),
    "ModelSpec": (
        Rule(
            "self.provider != 'Scripted' || has(self.script) != has(self.scriptFrom)",
            "a Scripted model needs exactly one of script and scriptFrom",
        ),
        Rule(
            "self.provider == 'Scripted' || !(has(self.script) || has(self.scriptFrom))",
            "only a Scripted model plays a script",
        ),
        Rule(
            "self.provider in ['Scripted', 'LlamaCpp'] || has(self.model)",
            "this provider needs model: its name for the model",
        ),
        Rule(
            "self.provider != 'OpenAICompatible' || has(self.endpoint)",
            "OpenAICompatible needs endpoint, such as http://vllm:8000/v1",
        ),
        Rule(
            "!(self.provider in ['Scripted', 'LlamaCpp'] && has(self.endpoint))",
            "this provider runs in the worker itself and has no endpoint",
            ".endpoint",
        ),
        Rule(
            f"!(has(self.locality) && self.locality == 'Local' && {_KNOWN_CLOUD})",
            "this is somebody else's cloud: state locality Cloud, or nothing",
            ".locality",
        ),
        Rule(
            f"!({_CLOUD}) || has(self.prices)",
            'a Cloud model states its prices: {inputPerMTok: "3.00", outputPerMTok: "15.00"} (USD per million tokens)',
        ),
        Rule(
            f"!({_CLOUD} && has(self.clearance) && self.clearance == 'Restricted')",
            "a Cloud model never sees Restricted data; allowed: Public, Internal",
            ".clearance",
        ),
    ),
    "Run": (
        Rule(
            f"!has(self.allow) || self.allow.all(name, !name.matches('{NO_NAME}'))",
            "a program's name alone, without blanks, arguments or a path",
            ".allow",
        ),
    ),
    "Check": (
        Rule(
            f"self.run.size() == 0 || !self.run[0].matches('{NO_NAME}')",
            "the first is a program's name alone; each argument stands by itself: [python3, -m, unittest]",
            ".run",
        ),
    ),
    "Member": (
        Rule("has(self.prompt) != has(self.promptFrom)", "a member needs exactly one of prompt and promptFrom"),
    ),
    "TeamSpec": (
        Rule(
            "has(self.supervisor) || self.strategy != 'Supervisor' || self.members.exists_one(member, "
            "member.tier == 'Strategic')",
            "strategy Supervisor: name the Strategic member that plans in supervisor, or set strategy: Sequential",
        ),
        Rule(
            "!has(self.supervisor) || self.members.exists(member, member.name == self.supervisor && "
            "member.tier == 'Strategic')",
            "supervisor must name a Strategic member",
            ".supervisor",
        ),
    ),
    "AgentSpec": (
        Rule("self.team == oldSelf.team", "team cannot change; delete the Agent and its team makes it anew", ".team"),
        Rule(
            "self.member == oldSelf.member",
            "member cannot change; delete the Agent and its team makes it anew",
            ".member",
        ),
    ),
    "TaskSpec": (
        Rule("!has(self.member) || !has(self.tier)", "state member or tier, not both", ".tier"),
        Rule(
            f"self.name != '{PLAN_TASK}'", f'"{PLAN_TASK}" is the supervisor\'s own task; choose another name', ".name"
        ),
    ),
    "ProjectSpec": (
        Rule(
            "!has(self.tasks) || self.tasks.all(task, !has(task.dependsOn) || task.dependsOn.all(name, "
            "self.tasks.exists(other, other.name == name)))",
            "dependsOn names a task that does not exist",
            ".tasks",
        ),
        Rule(
            "!has(self.tasks) || self.tasks.all(task, !has(task.privacy) || task.privacy == 'Restricted' || "
            "self.privacy == 'Public' || task.privacy == self.privacy)",
            "a task's privacy may only be stricter than the project's",
            ".tasks",
        ),
    ),
}
"""By the name of the model class whose object they judge."""


def keys_rule(pattern: str) -> Rule:
    """Which keys a map may have: a structural schema has no way to say it."""
    bound = f" && key.size() <= {KEY_LENGTH}"
    message = f"keys: {PATTERNS[pattern]}, at most {KEY_LENGTH} characters"
    return Rule(f"self.all(key, key.matches('{pattern}'){bound})", message)
