"""Objects with the verdict that the API server and the loader must share, and those that only the loader can judge."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aios.naming import API_VERSION

Spec = Mapping[str, Any]

MODEL: Spec = {"provider": "Scripted", "script": [{"reply": "hello"}]}
PRICES = {"inputPerMTok": "3.00", "outputPerMTok": "15.00"}
CLAUDE: Spec = {"provider": "Anthropic", "model": "claude-x", "prices": PRICES}
OLLAMA: Spec = {"provider": "Ollama", "model": "qwen3:8b"}
CLOUD: Spec = {**MODEL, "locality": "Cloud", "prices": PRICES}
PLANNER: Spec = {"name": "architect", "tier": "Strategic", "models": ["local"], "prompt": "Plan."}
WORKER: Spec = {"name": "developer", "tier": "Execution", "models": ["local"], "prompt": "Work."}
TEAM: Spec = {"members": [PLANNER, WORKER]}
PROJECT: Spec = {"team": "software", "goal": "A word counter."}
AGENT: Spec = {"team": "software", "member": "developer", "replicas": 2}
SOURCE = {"configMapKeyRef": {"name": "texts", "key": "prompt"}}
SCRIPT_SOURCE = {"configMapKeyRef": {"name": "texts", "key": "script"}}

NEIGHBOURS = """
apiVersion: v1
kind: ConfigMap
metadata: {name: texts}
data: {prompt: "You work.", script: "- reply: hello"}
---
apiVersion: aios.dev/v1alpha1
kind: Model
metadata: {name: local}
spec: {provider: Scripted, script: [{reply: hello}]}
---
apiVersion: aios.dev/v1alpha1
kind: Model
metadata: {name: cloud}
spec: {provider: Scripted, locality: Cloud, prices: {inputPerMTok: "1", outputPerMTok: "2"}, script: [{reply: hello}]}
---
apiVersion: aios.dev/v1alpha1
kind: AgentTeam
metadata: {name: software}
spec:
  members:
  - {name: architect, tier: Strategic, models: [local], prompt: Plan.}
  - {name: developer, tier: Execution, models: [local], prompt: Work., run: {allow: [python3]}}
"""
"""What the cases below refer to."""


@dataclass(frozen=True, slots=True)
class Case:
    """One object. `name` says what is right or wrong about it."""

    name: str
    kind: str
    spec: Any
    object_name: str = "subject"
    extra: Mapping[str, Any] | None = None

    def to_object(self, namespace: str = "default") -> dict[str, Any]:
        head = {"apiVersion": API_VERSION, "kind": self.kind}
        return {**head, "metadata": {"name": self.object_name, "namespace": namespace}, "spec": self.spec} | dict(
            self.extra or {}
        )


def model(name: str, /, object_name: str = "subject", **changes: Any) -> Case:
    return Case(name, "Model", _changed(MODEL, changes), object_name)


def cloud(name: str, /, **changes: Any) -> Case:
    return Case(name, "Model", _changed(CLOUD, changes))


def claude(name: str, /, **changes: Any) -> Case:
    return Case(name, "Model", _changed(CLAUDE, changes))


def ollama(name: str, /, **changes: Any) -> Case:
    return Case(name, "Model", _changed(OLLAMA, changes))


def team(name: str, /, object_name: str = "subject", **changes: Any) -> Case:
    return Case(name, "AgentTeam", _changed(TEAM, changes), object_name)


def member(name: str, /, **changes: Any) -> Case:
    return Case(name, "AgentTeam", {"members": [PLANNER, _changed(WORKER, changes)]})


def project(name: str, /, object_name: str = "subject", **changes: Any) -> Case:
    return Case(name, "Project", _changed(PROJECT, changes), object_name)


def task(name: str, /, **changes: Any) -> Case:
    first = {"name": "first", "instructions": "Begin."}
    return project(name, tasks=[first, _changed({"name": "second", "instructions": "Go on."}, changes)])


def headed(name: str, /, **metadata: Any) -> Case:
    return Case(name, "Model", MODEL, extra={"metadata": {"name": "subject", **metadata}})


def _changed(spec: Spec, changes: Mapping[str, Any]) -> dict[str, Any]:
    """`spec` with fields replaced; a field set to ... is left out."""
    return {key: value for key, value in {**spec, **changes}.items() if value is not ...}


VALID = (
    model("a model with a script in place"),
    model("a model with a script in a ConfigMap", script=..., scriptFrom=SCRIPT_SOURCE),
    model("a Restricted clearance on a Local model", locality="Local", clearance="Restricted"),
    model("every field of a script rule", script=[
        {"when": {"member": "a", "task": "t-*", "text": "x+", "turn": 0, "attempt": 1}, "reply": "r",
         "toolCalls": [{"tool": "write_file", "args": {"path": "a", "deep": {"list": [1, {"x": None}]}}}],
         "usage": {"inputTokens": 1, "outputTokens": 2}, "delay": "1h30m", "error": "no"},
    ]),
    cloud("a Cloud model with prices"),
    cloud("a Cloud model cleared for Internal", clearance="Internal"),
    claude("a Claude model"),
    claude("a Claude model that states all it may", credentialsSecretRef={"name": "anthropic", "key": "api-key"},
           contextWindow=200_000, maxOutputTokens=32_000, callTimeout="5m", locality="Cloud",
           prices={**PRICES, "cacheReadPerMTok": "0.30", "cacheWritePerMTok": "3.75"},
           limits={"requestsPerMinute": 50, "tokensPerMinute": 100_000, "concurrency": 4}),
    claude("a Claude protocol on a machine of your own", endpoint="http://llama:8080", locality="Local", prices=...),
    ollama("an Ollama model"),
    ollama("an Ollama model elsewhere", endpoint="http://ollama.svc:11434", keepAlive="30m", clearance="Restricted"),
    ollama("an Ollama cloud model with prices", model="gpt-oss:120b-cloud", prices=PRICES),
    model("a model of the machine's own", provider="LlamaCpp", script=...),
    claude("an OpenAI-compatible model", provider="OpenAICompatible", endpoint="http://vllm:8000/v1"),
    model("a name of 40 characters", object_name="a" * 40),
    team("a Supervisor team with one Strategic member"),
    team("a Sequential team without a Strategic member", members=[WORKER], strategy="Sequential"),
    team("two Strategic members and a named supervisor", members=[PLANNER, {**PLANNER, "name": "lead"}],
         supervisor="lead"),
    team("a time limit of several parts, some of them 0", limits={"taskTimeout": "0h05m"}),
    team("all limits", limits={"taskTimeout": "90s", "maxAttempts": 1, "maxSteps": 500, "onInDoubt": "Park",
                              "maxInFlight": 100}),
    member("a prompt in a ConfigMap", prompt=..., promptFrom=SOURCE),
    member("no replicas", replicas=0),
    member("all tools and commands", tools=["Files", "Memory", "Messages"], run={"allow": ["python3", "make"]}),
    member("a Restricted member with Local models", clearance="Restricted"),
    project("a project without tasks"),
    headed("labels and annotations", labels={"app.kubernetes.io/name": "x", "e": ""}, annotations={"a.b/c": "d e"}),
    project("a project that states every switch", privacy="Public", rerun="2", suspend=True, cancel=False,
            timeout="30m", onChange="Cancel", deletionPolicy="Delete", inputs={"language": "Python"}),
    project("a switch stated as null is not stated", suspend=None),
    task("a task that states everything but a tier", dependsOn=["first"], complexity=10, privacy="Restricted",
         member="developer", outputs=["*.py"], check={"run": ["python3", "-m", "unit test/x"]}),
    task("a task for a tier", tier="Execution"),
    project("a hundred tasks", tasks=[
        {"name": f"t{n}", "instructions": "x", "dependsOn": [f"t{m}" for m in range(max(0, n - 20), n)]}
        for n in range(100)
    ]),
)  # fmt: skip

INVALID = (
    model("an unknown field", capabilty=3),
    model("an unknown provider", provider="Scriptd"),
    model("no provider", provider=...),
    model("a capability of 11", capability=11),
    model("a capability of 0", capability=0),
    model("a capability as text", capability="5"),
    model("a capability with a fraction", capability=5.5),
    model("an unknown locality", locality="Moon"),
    model("a price as a number", prices={"inputPerMTok": 3.0, "outputPerMTok": "1"}),
    model("a price with a currency", prices={"inputPerMTok": "3 USD", "outputPerMTok": "1"}),
    model("half of the prices", prices={"inputPerMTok": "3"}),
    model("neither script nor scriptFrom", script=...),
    model("script and scriptFrom", scriptFrom=SCRIPT_SOURCE),
    model("an empty script", script=[]),
    model("201 script rules", script=[{"reply": "x"}] * 201),
    model("an unknown field in a script rule", script=[{"replay": "x"}]),
    model("a script rule with a negative turn", script=[{"when": {"turn": -1}}]),
    model("a delay without a unit", script=[{"delay": "5"}]),
    model("21 arguments of a tool call", script=[
        {"toolCalls": [{"tool": "t", "args": {f"a{n}": n for n in range(21)}}]}
    ]),
    cloud("a Cloud model without prices", prices=...),
    cloud("a Cloud model cleared for Restricted", clearance="Restricted"),
    claude("a Claude model without prices", prices=...),
    claude("a Claude model without its name", model=...),
    claude("a Claude model that is said to be Local", locality="Local"),
    claude("a Claude model cleared for Restricted", clearance="Restricted"),
    claude("a Claude model with a script", script=[{"reply": "hello"}]),
    claude("a vendor's host that is said to be Local", endpoint="https://api.anthropic.com", locality="Local"),
    claude("a vendor's host in capitals that is said to be Local", endpoint="https://API.Anthropic.com.:443/v1",
           locality="Local"),
    claude("a vendor of embeddings that is said to be Local", provider="OpenAICompatible",
           endpoint="https://api-atlas.nomic.ai/v1", locality="Local"),
    claude("a host whose dots only a client reads as dots", provider="OpenAICompatible",
           endpoint="https://api.openai\u3002com", locality="Local"),
    claude("a host with escapes", endpoint="https://api%2Eanthropic.example"),
    claude("an endpoint with a password", endpoint="https://u:p@proxy/"),
    claude("an endpoint without a scheme", endpoint="proxy:8080"),
    claude("no calls a minute", limits={"requestsPerMinute": 0}),
    claude("a Secret without a key", credentialsSecretRef={"name": "anthropic"}),
    ollama("an Ollama cloud model that is said to be Local", model="gpt-oss:120b-cloud", locality="Local",
           prices=PRICES),
    ollama("an Ollama cloud model without prices", model="kimi-k2:cloud"),
    ollama("an Ollama cloud model in capitals", model="gpt-oss:120B-CLOUD"),
    claude("an OpenAI-compatible model without an endpoint", provider="OpenAICompatible"),
    model("an endpoint of a script", endpoint="http://nowhere:1"),
    model("a name of 41 characters", object_name="a" * 41),
    model("a name with a dot", object_name="a.b"),
    team("a name with capitals", object_name="Web"),
    team("no members", members=[]),
    team("members stated as null", members=None),
    team("21 members", members=[{**WORKER, "name": f"w{n}"} for n in range(21)], strategy="Sequential"),
    team("two members of one name", members=[PLANNER, WORKER, WORKER]),
    team("an unknown strategy", strategy="Swarm"),
    team("a Supervisor team without a Strategic member", members=[WORKER]),
    team("a Supervisor team with two Strategic members", members=[PLANNER, {**PLANNER, "name": "lead"}]),
    team("a supervisor who is no member", supervisor="boss"),
    team("a supervisor who is not Strategic", supervisor="developer"),
    team("a limit of no attempts", limits={"maxAttempts": 0}),
    team("an unknown limit", limits={"maxTokens": 5}),
    team("a timeout as a number", limits={"taskTimeout": 600}),
    team("a task's timeout of 0", limits={"taskTimeout": "0s"}),
    project("a timeout of 0", timeout="0h0m"),
    claude("a call's timeout of 0", callTimeout="0s"),
    member("a member without a name", name=...),
    member("a member name of 21 characters", name="a" * 21),
    member("an unknown tier", tier="Expert"),
    member("101 replicas", replicas=101),
    member("no models", models=[]),
    member("models as one word", models="local"),
    member("eleven models", models=["local"] * 11),
    member("neither prompt nor promptFrom", prompt=...),
    member("prompt and promptFrom", promptFrom=SOURCE),
    member("a prompt of 16,385 characters", prompt="x" * 16_385),
    member("a reference without a key", prompt=..., promptFrom={"configMapKeyRef": {"name": "texts"}}),
    member("an unknown tool", tools=["Shell"]),
    member("an empty command", run={"allow": [""]}),
    member("a command line in place of a program", run={"allow": ["python3", "make -j 4"]}),
    member("a path in place of a program", run={"allow": ["./gradlew"]}),
    project("no goal", goal=...),
    project("no team", team=...),
    project("a goal that is a list", goal=["a"]),
    project("a switch as text", suspend="true"),
    project("an unknown privacy", privacy="Secret"),
    project("a timeout in words", timeout="one hour"),
    project("an input that is a number", inputs={"depth": 3}),
    project("an input name with a dash", inputs={"my-language": "Python"}),
    project("an input name of 41 characters", inputs={"a" * 41: "x"}),
    project("51 inputs", inputs={f"i{n}": "x" for n in range(51)}),
    project("an empty rerun", rerun=""),
    project("101 tasks", tasks=[{"name": f"t{n}", "instructions": "x"} for n in range(101)]),
    task("two tasks of one name", name="first"),
    task("a task called plan", name="plan"),
    task("a task without instructions", instructions=...),
    task("a dependency that does not exist", dependsOn=["third"]),
    task("21 dependencies", dependsOn=["first"] * 21),
    task("a complexity of 11", complexity=11),
    task("member and tier", member="developer", tier="Execution"),
    task("a task looser than its project", privacy="Public"),
    task("a check without a command", check={"run": []}),
    task("a check whose program has its arguments in it", check={"run": ["python3 -m doctest x.py"]}),
    task("a check whose program has a line feed in it", check={"run": ["python3\n"]}),
    task("a check whose program is a path", check={"run": ["./test.sh", "-v"]}),
    task("an empty glob", outputs=[""]),
    task("snake_case", depends_on=["first"]),
    headed("a label with a space", labels={"a": "b c"}),
    headed("a label with a bad key", labels={"a/b/c": "d"}),
    headed("a label of 64 characters", labels={"a": "b" * 64}),
    headed("an annotation with a bad key", annotations={"-a": "b"}),
    headed("an unknown field of metadata", lables={}),
    Case("no spec", "Project", None),
    Case("a field beside spec", "Project", PROJECT, extra={"sepc": {}}),
)  # fmt: skip

LOADER_ONLY = (
    task("tasks in a circle", dependsOn=["second"]),
    member("a Model that does not exist", models=["lokal"]),
    member("a Restricted member with a Cloud model", models=["local", "cloud"], clearance="Restricted"),
    member("a ConfigMap that does not exist", prompt=...,
           promptFrom={"configMapKeyRef": {"name": "nowhere", "key": "prompt"}}),
    member("an unknown prompt variable", prompt="{{ team.nmae }}"),
    member("a prompt that is no template", prompt="{{ team.name"),
    model("a script in a ConfigMap that has not that key", script=...,
          scriptFrom={"configMapKeyRef": {"name": "texts", "key": "nothing"}}),
    model("a script pattern that is no regular expression", script=[{"when": {"text": "("}}]),
    project("a team that does not exist", team="softwear"),
    task("a member whom the team has not", member="tester"),
    task("a tier that the team has not", tier="Support"),
    task("an output outside of the workspace", outputs=["/etc/passwd"]),
    task("an output above the workspace", outputs=["docs/../../notes.md"]),
    task("a check that nobody may run", check={"run": ["rm", "-rf", "."]}),
)  # fmt: skip
"""The API server accepts these; the operator reports them as Stalled."""

UPDATES = (
    ("an Agent is scaled", Case("", "Agent", AGENT), Case("", "Agent", {**AGENT, "replicas": 5}), True),
    ("an Agent moves to another team", Case("", "Agent", AGENT), Case("", "Agent", {**AGENT, "team": "web"}), False),
    ("an Agent plays another member", Case("", "Agent", AGENT), Case("", "Agent", {**AGENT, "member": "x"}), False),
    ("an Agent gets 101 replicas", Case("", "Agent", AGENT), Case("", "Agent", {**AGENT, "replicas": 101}), False),
    ("a project gets another team", project(""), project("", team="web"), True),
    ("a project is suspended", project(""), project("", suspend=True), True),
    ("a task turns looser than the project", project(""), task("", privacy="Public"), False),
    ("a project turns stricter than its task", task("", privacy="Internal"), task("", privacy="Public"), False),
    ("a model moves to the cloud unpriced", model(""), model("", locality="Cloud"), False),
    ("a model moves to the cloud", model(""), cloud(""), True),
    ("a member is added", team("", members=[PLANNER]), team(""), True),
    ("the supervisor leaves", team("", supervisor="architect"), team("", supervisor="architect", members=[WORKER]),
     False),
)  # fmt: skip
"""What changes, the object before and after, and whether the API server allows it."""
