"""The JSON schema that a plan is held to, where the server can. Form only: whether the plan can be carried out is
judged where every plan is.

Kept to keywords that grammar engines (llama.cpp's, vLLM's) all know, so without patterns; bounds keep a small model
from writing without an end.
"""

_NAMES = {"type": "array", "items": {"type": "string"}, "maxItems": 20}

PLAN_SCHEMA: dict[str, object] = {
    "type": "object",
    "properties": {
        "tasks": {
            "type": "array",
            "minItems": 1,
            "maxItems": 100,
            "items": {
                "type": "object",
                "properties": {
                    "name": {"type": "string"},
                    "instructions": {"type": "string"},
                    "dependsOn": _NAMES,
                    "complexity": {"type": "integer", "minimum": 1, "maximum": 10},
                    "member": {"type": "string"},
                    "outputs": _NAMES,
                    "check": {
                        "type": "object",
                        "properties": {"run": {**_NAMES, "minItems": 1}},
                        "required": ["run"],
                        "additionalProperties": False,
                    },
                },
                "required": ["name", "instructions"],
                "additionalProperties": False,
            },
        }
    },
    "required": ["tasks"],
    "additionalProperties": False,
}
"""What `projects/plan.py` asks a planner for, in the words of its prompt."""
