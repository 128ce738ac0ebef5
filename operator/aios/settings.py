"""What a process is told by its environment, read once at the edge; use cases get values, never this object."""

from pathlib import Path

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from aios.errors import EnvironmentProblemError


class Settings(BaseSettings):
    """Environment variables that start with AIOS_; command-line options win over them.

    A port whose URL is not stated is played by its embedded twin in the state folder. URLs may hold credentials, so
    they are secrets: nothing prints them whole.
    """

    model_config = SettingsConfigDict(env_prefix="AIOS_", extra="ignore", frozen=True)

    state_dir: Path | None = Field(default=None, description="The laptop's state folder.")
    namespace: str = Field(
        default="default",
        pattern=r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$",
        description="Where objects without a namespace live.",
    )
    metrics_port: int = Field(default=0, ge=0, le=65_535, description="Port of /metrics; 0 takes a free one.")
    metrics_address: str = Field(default="127.0.0.1", description="Address of /metrics; a pod says 0.0.0.0.")
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
