"""Small valid resources for tests; each test states only what it is about."""

from collections.abc import Mapping
from typing import Any

from aios.spec.base import ConfigMap, Kind, Ref, Resource
from aios.spec.catalogue import Lookup
from aios.spec.model import Model
from aios.spec.project import Project
from aios.spec.team import AgentTeam

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
