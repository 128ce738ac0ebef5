"""Every condition type and reason that a status may carry, each defined once.

`aios explain REASON`, crds/README.md and the operator read this one list, so that a word met in a status always leads
to what it means and what to do. A reason is stable: scripts match on it. Sentences belong into the message.
"""

from enum import StrEnum


class ConditionType(StrEnum):
    """What may be so. Ready, Reconciling and Stalled are kstatus' words; Complete and Failed are a Job's."""

    meaning: str

    def __new__(cls, word: str, meaning: str = "") -> "ConditionType":
        member = str.__new__(cls, word)
        member._value_ = word
        member.meaning = meaning
        return member

    READY = "Ready", "The object is accepted and what it stands for can be used. For a Project: it can run."
    RECONCILING = "Reconciling", "The operator is still changing the world to match the spec."
    STALLED = "Stalled", "No progress without a change by somebody: the reason says which."
    COMPLETE = "Complete", "The run ended and every task succeeded."
    FAILED = "Failed", "The run ended without success: a task failed for good, or the run was cancelled."


class Reason(StrEnum):
    """Why a condition is as it is: one word for scripts, its meaning and the next step for people."""

    meaning: str
    what_to_do: str

    def __new__(cls, word: str, meaning: str = "", what_to_do: str = "") -> "Reason":
        member = str.__new__(cls, word)
        member._value_ = word
        member.meaning = meaning
        member.what_to_do = what_to_do
        return member

    ACCEPTED = "Accepted", "The spec is valid and everything it names exists.", "Nothing."
    RECONCILED = "Reconciled", "The world matches the spec.", "Nothing."
    PROGRESSING = (
        "Progressing",
        "Changes are being applied or replicas are starting.",
        "Wait; when it lasts, `aios describe` the object and look at the pods' events.",
    )
    INVALID_SPEC = (
        "InvalidSpec",
        "The stored spec breaks a rule that the API server cannot check.",
        "Read the condition's message, run `aios validate` on the file, apply the repaired file.",
    )
    MODEL_NOT_FOUND = (
        "ModelNotFound",
        "A member names a Model that does not exist in its namespace.",
        "Apply the Model, or correct the name under spec.members[].models.",
    )
    TEAM_NOT_FOUND = (
        "TeamNotFound",
        "The Project or Agent names an AgentTeam that does not exist in its namespace.",
        "Apply the AgentTeam, or correct spec.team.",
    )
    MEMBER_NOT_FOUND = (
        "MemberNotFound",
        "A task, the supervisor field or an Agent names a member that the team does not have.",
        "Correct the name, or add the member to the team.",
    )
    CONFIG_MAP_KEY_NOT_FOUND = (
        "ConfigMapKeyNotFound",
        "A configMapKeyRef points to a ConfigMap or a key that does not exist in the namespace.",
        "Apply the ConfigMap with that key, or correct the reference.",
    )
    INVALID_SCRIPT = (
        "InvalidScript",
        "The script of a Scripted model is not a valid list of rules.",
        "Read the condition's message; crds/README.md lists the fields of a rule.",
    )
    CLEARANCE_NEEDS_LOCAL_MODELS = (
        "ClearanceNeedsLocalModels",
        "Something is cleared for Restricted data that a Cloud model would see.",
        "Give the member Local models only, or lower its clearance.",
    )
    CLOUD_NEEDS_PRICES = (
        "CloudNeedsPrices",
        "A Cloud model states no prices, so its calls could not be counted.",
        'State spec.prices: {inputPerMTok: "3.00", outputPerMTok: "15.00"} in USD per million tokens.',
    )
    NO_SUPERVISOR = (
        "NoSupervisor",
        "The strategy is Supervisor and nobody can be it: no member, or several, are Strategic.",
        "Name one Strategic member in spec.supervisor, or set spec.strategy: Sequential.",
    )
    CYCLIC_DEPENDENCIES = (
        "CyclicDependencies",
        "Tasks wait for each other in a circle; none of them could ever start.",
        "Remove one of the dependsOn entries that the message names.",
    )
    UNKNOWN_PROMPT_VARIABLE = (
        "UnknownPromptVariable",
        "A prompt uses a variable that no task will have, or it is not a valid jinja2 template.",
        "Use a documented variable (crds/README.md lists them), or state the input under spec.inputs.",
    )
    COMMAND_NOT_ALLOWED = (
        "CommandNotAllowed",
        "A task's check runs a program that nobody who may do the task is allowed to run.",
        "Add the program to the member's run.allow, or check with another one.",
    )
    SERVICES_NOT_CONFIGURED = (
        "ServicesNotConfigured",
        "The operator was not told where the journal, broker and object store are; the Project waits and is not lost.",
        "Make the Secret aios-services in aios-system, then `kubectl rollout restart deployment -n aios-system`, for "
        "it is read at the start; or run the same YAML on a laptop with `aios up`.",
    )
    SERVICE_UNAVAILABLE = (
        "ServiceUnavailable",
        "A service that it needs does not answer, or refuses what the operator asks of it; it is tried again, less and "
        "less often.",
        "Read the condition's message and mend what it names; `aios doctor` asks every service. After a change of the "
        "Secret aios-services `kubectl rollout restart deployment -n aios-system`, for it is read at the start.",
    )
    HELD_ELSEWHERE = (
        "HeldElsewhere",
        "Another installation on the same services, a cluster or a laptop, says something else by the Project's name.",
        "Use another namespace, or services of its own for each. If the other one is gone, annotate the Project with "
        "aios.dev/take-over and a value that was not used before.",
    )
    TEAM_NOT_READY = (
        "TeamNotReady",
        "The team exists but is not Ready.",
        "`aios describe` the AgentTeam: its own condition says what is missing.",
    )
    WORKERS_NOT_READY = (
        "WorkersNotReady",
        "Fewer replicas answer than are wanted.",
        "Wait; when it lasts, look at the pods' events and logs; on a laptop at .aios/logs.",
    )
    IMAGE_PULL_BACK_OFF = (
        "ImagePullBackOff",
        "The node cannot pull the worker's image.",
        "Check the image's name and tag, and the pull secret.",
    )
    CRASH_LOOP_BACK_OFF = (
        "CrashLoopBackOff",
        "The worker starts and ends again and again.",
        "Read its log: `kubectl logs --previous` on the pod.",
    )
    UNSCHEDULABLE = (
        "Unschedulable",
        "No node has room for the pod, or none matches what it asks for.",
        "Add nodes, lower the replicas, or change requests and selectors.",
    )
    SHARED_CREDENTIALS = (
        "SharedCredentials",
        "The team works, but its workers share credentials of a service with others, or keep what they had: none of "
        "their own could be made, or made sure of.",
        "Read the condition's message; give the operator the right that it names, or limit the key at the platform and "
        "restart the namespace's Deployments.",
    )
    SCALED_TO_ZERO = (
        "ScaledToZero",
        "The agent has no replicas by its owner's wish.",
        "Set replicas, or `kubectl scale agents.aios.dev/NAME --replicas=1`.",
    )
    NO_PERMITTED_MODEL = (
        "NoPermittedModel",
        "A task waits: privacy, capability, tools or commands leave no member and model that may do it.",
        "`aios plan PATH --explain` lists every candidate with the reason it was rejected.",
    )
    PLANNING = "Planning", "The supervisor is splitting the goal into tasks.", "Wait."
    RUNNING = "Running", "Tasks are being done.", "Wait; `aios get projects` shows how far it is."
    SUSPENDED = "Suspended", "spec.suspend is true: no further task starts.", "Set spec.suspend: false."
    RUN_SUCCEEDED = (
        "RunSucceeded",
        "Every task of the run succeeded.",
        "Nothing; fetch the files with `aios workspace export PROJECT DIR`.",
    )
    RUN_FAILED = (
        "RunFailed",
        "A task failed for good, or the run took longer than spec.timeout.",
        "`aios describe` the Project says which task and why; `aios retry PROJECT` (on a cluster: annotate it with "
        "aios.dev/retry and a word that was not used before) runs failed tasks again and keeps what is done.",
    )
    RUN_CANCELLED = (
        "RunCancelled",
        "The run was stopped by spec.cancel or by a change with onChange: Cancel.",
        "Set spec.cancel: false, then `aios retry PROJECT` (on a cluster: annotate it with aios.dev/retry and a word "
        "that was not used before): it goes on. Another string in spec.rerun begins anew, and pays anew.",
    )
