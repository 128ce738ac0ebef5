"""Small valid resources for tests; each test states only what it is about."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from aios.desired.nouns import WorkerConfig, WorkerModel
from aios.spec.base import ConfigMap, Kind, Ref, Resource
from aios.spec.catalogue import Lookup
from aios.spec.model import Model, ModelSpec, ScriptRule
from aios.spec.project import Project
from aios.spec.team import AgentTeam, Limits, Member
from aios.spec.vocabulary import Provider, Tier

PRICES = {"inputPerMTok": "3.00", "outputPerMTok": "15.00"}


def model(name: str = "local", **spec: Any) -> Model:
    stated = {"provider": "Scripted", "script": [{"reply": "done"}], **spec}
    return Model.model_validate({"metadata": {"name": name}, "spec": stated})


def member(name: str = "developer", **fields: Any) -> dict[str, Any]:
    return {"name": name, "tier": "Execution", "models": ["local"], "prompt": "Work.", **fields}


def team(*members: Mapping[str, Any], name: str = "software", uid: str = "uid-1", **spec: Any) -> AgentTeam:
    stated = {"strategy": "Sequential", "members": list(members) or [member()], **spec}
    return AgentTeam.model_validate({"metadata": {"name": name, "uid": uid}, "spec": stated})


def project(name: str = "word-count", **spec: Any) -> Project:
    return Project.model_validate({"metadata": {"name": name}, "spec": {"team": "software", "goal": "Count.", **spec}})


def config_map(name: str = "texts", **data: str) -> ConfigMap:
    return ConfigMap.model_validate({"metadata": {"name": name}, "data": data})


def source(key: str, name: str = "texts") -> dict[str, Any]:
    return {"configMapKeyRef": {"name": name, "key": key}}


def lookup(*resources: Resource) -> Lookup:
    return {resource.ref: resource for resource in resources}.get


def ref(kind: Kind, name: str) -> Ref:
    return Ref(kind, "default", name)


def worker_file(folder: Path) -> Path:
    """A worker's configuration, as a pod's ConfigMap holds it."""
    developer = Member(name="developer", tier=Tier.EXECUTION, models=("m",), prompt="You work.")
    answering = WorkerModel(name="m", spec=ModelSpec(provider=Provider.SCRIPTED, script=(ScriptRule(reply="ok"),)))
    config = WorkerConfig(namespace="default", team="t", member=developer, models=(answering,), limits=Limits())
    file = folder / "worker.json"
    file.write_text(config.model_dump_json(by_alias=True))
    return file
