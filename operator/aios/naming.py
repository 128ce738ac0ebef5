"""Every name that two parts of AIOS must agree on, made in one place.

Kubernetes labels, queue and bucket names, journal streams and message ids are derived here from what the user
wrote, so that a restart, another process or another host arrives at the same name without asking anyone.
"""

import hashlib
import json
from collections.abc import Mapping

GROUP = "aios.dev"
VERSION = "v1alpha1"
API_VERSION = f"{GROUP}/{VERSION}"
FIELD_MANAGER = "aios-operator"
FINALIZER = f"{GROUP}/cleanup"

LABEL_TEAM = f"{GROUP}/team"
LABEL_MEMBER = f"{GROUP}/member"
LABEL_TIER = f"{GROUP}/tier"
LABEL_MANAGED_BY = "app.kubernetes.io/managed-by"
ANNOTATION_CONFIG_DIGEST = f"{GROUP}/config-digest"
ANNOTATION_SOURCE = f"{GROUP}/source"
"""Which `aios up` source a resource was loaded from; what disappears from the source is deleted with it."""
ANNOTATION_SOURCE_DIGEST = f"{GROUP}/source-digest"
"""Digest of what the source said when it was last applied: unchanged YAML does not undo `aios cancel`."""
ANNOTATION_RETRY = f"{GROUP}/retry"
"""TOKEN or TOKEN=task,task: run failed tasks again; the engine answers each token once."""
ANNOTATION_TAKE_OVER = f"{GROUP}/take-over"
"""On a Project, any value, which works once: its name is ours although another installation on the same services left
it behind."""

PLAN_TASK = "plan"
"""The task name reserved for the supervisor's plan; users cannot name a task so."""


def digest(value: object) -> str:
    """SHA-256 of the canonical JSON of `value`: equal meaning, equal digest. 64 hex digits."""
    canonical = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()


def agent_name(team: str, member: str) -> str:
    """The Agent (and Deployment) of a team's member: at most 40 + 1 + 20 = 61 characters."""
    return f"{team}-{member}"


def queue_name(namespace: str, team: str, member: str) -> str:
    """The queue a member's replicas share."""
    return f"aios.{namespace}.{team}.{member}"


def engine_queue(namespace: str) -> str:
    """Where workers ring when an attempt ended."""
    return f"aios.{namespace}.engine"


def dead_letter_queue(queue: str) -> str:
    """Where messages of `queue` go that no consumer could settle."""
    return f"{queue}.dead"


def run_id(namespace: str, project: str, spec_digest: str) -> str:
    """A run's identity: the project and the digest of what was asked. Unchanged YAML is the same run."""
    return f"{namespace}/{project}/{spec_digest[:12]}"


RUN_STREAMS, ATTEMPT_STREAMS, MAIL_STREAMS = "runs/", "attempts/", "mail/"
"""What the journal streams of each sort start with; the namespace follows."""


JOURNAL_IDENTITY = "journal/identity"
"""The journal stream by whose one record a journal is told from another."""


def run_stream(run: str) -> str:
    """The journal stream that is the truth about a run."""
    return f"{RUN_STREAMS}{run}"


def attempt_stream(run: str, task: str, attempt: int) -> str:
    """The journal stream that is claim, ledger and fence of one attempt at one task."""
    return f"{ATTEMPT_STREAMS}{run}/{task}/{attempt}"


def mail_stream(run: str, member: str) -> str:
    """The mailbox of a member within a run."""
    return f"{MAIL_STREAMS}{run}/{member}"


def project_streams(namespace: str, project: str) -> tuple[str, ...]:
    """What the names of all streams of a project's runs begin with; those that speak of others come last."""
    return tuple(f"{root}{namespace}/{project}/" for root in (ATTEMPT_STREAMS, MAIL_STREAMS, RUN_STREAMS))


def declared_stream(namespace: str, kind: str, name: str) -> str:
    """The journal stream that tells which installations declare a thing."""
    return f"declared/{namespace}/{kind}/{name}"


def workspace_prefix(namespace: str, project: str) -> str:
    """Where a project's files live in the object store; it ends with a slash."""
    return f"workspaces/{namespace}/{project}/"


def attempt_lease(run: str, task: str, attempt: int) -> str:
    """The lease a worker renews while it works on an attempt; without it the engine rings again."""
    return f"attempt/{run}/{task}/{attempt}"


WORKER_SESSIONS, MODEL_STATES = "worker/", "model/"
"""What the sessions start with that speak of processes, and of what they found out about models."""


def worker_session(namespace: str, agent: str, worker: str) -> str:
    """Where a replica's heartbeat stands: JSON {"phase", "task", "since", "waits"}, "trouble": what keeps failing for
    the task, and "obstacle": why it takes no task at all."""
    return f"{WORKER_SESSIONS}{namespace}/{agent}/{worker}"


def model_state(namespace: str, model: str) -> str:
    """Where all replicas of a namespace share what they know of a model: its limits in use, whether it answers."""
    return f"{MODEL_STATES}{namespace}/{model}"


def bucket_name(namespace: str) -> str:
    """The bucket that holds a namespace's workspaces."""
    return f"aios-{namespace}"


def message_id(run: str, task: str, attempt: int, purpose: str) -> str:
    """The same doorbell for the same thing has the same id, whoever rings it and however often."""
    return f"{purpose}:{run}/{task}/{attempt}"


ENDED_AT = "endedAt"
"""In the body of the bell that tells of an attempt's end: the sequence number of its result, in its own stream."""


def labels(team: str, member: str) -> Mapping[str, str]:
    """What the Agent, its Deployment and its pods carry."""
    return {LABEL_TEAM: team, LABEL_MEMBER: member, LABEL_MANAGED_BY: FIELD_MANAGER}
