"""What a process is told by its environment, read once at the edge; use cases get values, never this object."""

import logging
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from aios.errors import EnvironmentProblemError
from aios.spec.suggestions import nearest

log = logging.getLogger(__name__)

PREFIX: Final = "AIOS_"
OURS_TO_TEST: Final = "AIOS_TEST_"
_READ_ELSEWHERE: Final = (
    "AIOS_SCRIPTED_LEDGER",  # adapters/scripted.py
    "AIOS_WORKER_IMAGE",  # `aios operator`
)
_OF_THE_PLATFORM: Final = (  # specs/platform, whose file of credentials is one that people `source`
    "AIOS_KNOWLEDGE_PASSWORD",
    "AIOS_OBJECTS_PASSWORD",
    "AIOS_PASSWORD",
    "AIOS_RABBITMQ_PASSWORD",
    "AIOS_SESSIONS_PASSWORD",
    "AIOS_TEAM",
)


class Settings(BaseSettings):
    """Environment variables that start with AIOS_; command-line options win over them.

    A port whose URL is not stated is played by its embedded twin in the state folder. URLs may hold credentials, so
    they are secrets: nothing prints them whole.
    """

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="ignore", frozen=True)

    state_dir: Path | None = Field(default=None, description="The laptop's state folder.")
    namespace: str = Field(
        default="default",
        pattern=r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$",
        description="Where objects without a namespace live.",
    )
    metrics_port: int = Field(default=0, ge=0, le=65_535, description="Port of /metrics; 0 takes a free one.")
    metrics_address: str = Field(default="127.0.0.1", description="Address of /metrics; a pod says `::`, every one.")
    pod: str = Field(default="", validation_alias="POD_NAME", description="The pod this runs in; empty outside one.")
    verbose: bool = Field(default=False, description="Debug lines in the logs, and logs on stderr.")
    broker_url: SecretStr = Field(default=SecretStr(""), description="amqp[s]://USER:PASSWORD@HOST:PORT/VHOST")
    broker_admin_url: SecretStr = Field(
        default=SecretStr(""),
        description="http[s]://USER:PASSWORD@HOST:PORT of RabbitMQ's management; only operators need it. "
        "Default: the broker's host and user, port 15672 (15671 with TLS).",
    )
    objects_url: SecretStr = Field(default=SecretStr(""), description="s3+http[s]://KEY:SECRET@HOST:PORT[?region=R]")
    journal_url: SecretStr = Field(default=SecretStr(""), description="As objects_url, which is the default.")
    sessions_url: SecretStr = Field(default=SecretStr(""), description="redis[s]://[USER:PASSWORD@]HOST:PORT/DB")
    knowledge_url: SecretStr = Field(default=SecretStr(""), description="http[s]://[:API-KEY@]HOST:PORT of Qdrant")
    embeddings_url: SecretStr = Field(
        default=SecretStr(""),
        description="ollama+http[s]://[:KEY@]HOST:PORT/MODEL or openai+http[s]://[:KEY@]HOST:PORT/v1/MODEL of a "
        "machine of yours: finds what agents remember by its meaning, too. Default: by its words alone.",
    )


def read_settings() -> Settings:
    """What the environment says now. Raises EnvironmentProblemError naming the variable that is wrong."""
    try:
        return Settings()
    except ValidationError as error:
        first = error.errors()[0]
        variable = "_".join(("AIOS", *map(str, first["loc"]))).upper()
        raise EnvironmentProblemError(f"{variable} is {first['input']!r}: {first['msg']}") from error


def unknown_variables(environment: Iterable[str]) -> tuple[str, ...]:
    """A sentence about each variable that begins like ours and is none: a misspelt AIOS_BROKER_URL would quietly leave
    everything to the broker of the laptop. Never its value, which may be a secret."""
    meant = (*_fields(), *_READ_ELSEWHERE)
    known = {*meant, *_OF_THE_PLATFORM}
    names = sorted(name for name in environment if name.upper().startswith(PREFIX))
    return tuple(
        _unknown(name, meant)
        for name in names
        if name.upper() not in known and not name.upper().startswith(OURS_TO_TEST)
    )


def log_unknown_variables() -> None:
    """For processes whose log is what a person looks at. They do not fail: a Secret whose keys become variables may
    hold more than we know."""
    for sentence in unknown_variables(os.environ):
        log.warning("%s", sentence)


def _fields() -> tuple[str, ...]:
    fields = Settings.model_fields.items()
    return tuple(f"{PREFIX}{name.upper()}" for name, field in fields if field.validation_alias is None)


def _unknown(name: str, meant: Iterable[str]) -> str:
    # Without what all have in common, or everything would be near to everything.
    near = nearest(name[len(PREFIX) :], (one.removeprefix(PREFIX) for one in meant))
    return f"{name} is not a variable of AIOS; " + (
        f"did you mean {PREFIX}{near}?" if near else f"there are {', '.join(sorted(meant))}"
    )
