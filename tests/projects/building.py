"""Resources the project tests are made of: the software team of the examples, small."""

from aios.spec.base import Condition, ObjectMeta
from aios.spec.model import Model, ModelSpec, Prices, ScriptRule
from aios.spec.project import Project, ProjectSpec, ProjectStatus, TaskSpec
from aios.spec.team import AgentTeam, Limits, Member, Run, TeamSpec
from aios.spec.vocabulary import Locality, Privacy, Provider, Strategy, Tier, Tool

SCRIPT = (ScriptRule(reply="done"),)

MODELS = (
    Model(
        metadata=ObjectMeta(name="local"),
        spec=ModelSpec(provider=Provider.SCRIPTED, capability=5, locality=Locality.LOCAL, script=SCRIPT),
    ),
    Model(
        metadata=ObjectMeta(name="strong"),
        spec=ModelSpec(
            provider=Provider.SCRIPTED,
            capability=9,
            locality=Locality.CLOUD,
            prices=Prices(input_per_m_tok="3.00", output_per_m_tok="15.00"),
            script=SCRIPT,
        ),
    ),
)

MEMBERS = (
    Member(name="architect", tier=Tier.STRATEGIC, models=("strong",), prompt="p", tools=(Tool.FILES,)),
    Member(
        name="developer",
        tier=Tier.EXECUTION,
        replicas=2,
        models=("local", "strong"),
        prompt="p",
        tools=(Tool.FILES,),
        run=Run(allow=("python3",)),
    ),
    Member(
        name="writer",
        tier=Tier.SUPPORT,
        models=("local",),
        clearance=Privacy.RESTRICTED,
        prompt="p",
        tools=(Tool.FILES,),
    ),
)


def build_team(
    *, members: tuple[Member, ...] = MEMBERS, strategy: Strategy = Strategy.SUPERVISOR, **limits: int
) -> AgentTeam:
    spec = TeamSpec(members=members, strategy=strategy, limits=Limits.model_validate(limits))
    return AgentTeam(metadata=ObjectMeta(name="software"), spec=spec)


def build_project(name: str = "word-count", *tasks: TaskSpec, **more: object) -> Project:
    spec = {"team": "software", "goal": "A word counter.", **more, "tasks": tasks}
    return Project(metadata=ObjectMeta(name=name), spec=ProjectSpec.model_validate(spec))


def accepted(project: Project) -> ProjectStatus:
    """The status by which the operator lets a project's run start."""
    ready = Condition(type="Ready", status="True", reason="Accepted", observed_generation=project.metadata.generation)
    return ProjectStatus(observed_generation=project.metadata.generation, conditions=(ready,))


def task(name: str, *depends_on: str, **more: object) -> TaskSpec:
    return TaskSpec.model_validate({"name": name, "instructions": f"do {name}", "depends_on": depends_on, **more})


CHAIN = (task("a"), task("b", "a"), task("c", "b"))
