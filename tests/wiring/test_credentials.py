"""A model's key: found in the first of its places, sent to nobody but whom it is for, shown never."""

from pathlib import Path

import pytest

from aios.desired.nouns import WorkerModel
from aios.embedded.resources import SqliteResources
from aios.errors import EnvironmentProblemError
from aios.spec.base import ObjectMeta, Secret, SecretKeyRef
from aios.spec.model import ModelSpec
from aios.spec.vocabulary import Provider
from aios.wiring.chat_models import advice, needs_key, vendor_variable
from aios.wiring.credentials import FoundCredentials

REF = SecretKeyRef(name="anthropic", key="api-key")


async def found(credentials: FoundCredentials, ref: SecretKeyRef | None = REF) -> tuple[str, str] | None:
    credential = await credentials.find("default", ref, "ANTHROPIC_API_KEY")
    return (credential.value, credential.source) if credential else None


def write(folder: Path, value: str) -> None:
    (folder / "anthropic").mkdir(parents=True)
    (folder / "anthropic" / "api-key").write_text(f"{value}\n")


async def test_the_places_are_asked_in_order_and_each_is_named(tmp_path: Path) -> None:
    environment: dict[str, str] = {}
    resources = SqliteResources(tmp_path / "resources.db")
    credentials = FoundCredentials(
        resources=resources, state=tmp_path, mounted=tmp_path / "mounted", environment=environment
    )
    assert await found(credentials) is None
    environment["ANTHROPIC_API_KEY"] = "of the shell"
    assert await found(credentials) == ("of the shell", "the environment's ANTHROPIC_API_KEY")
    write(tmp_path / "secrets", "of the folder")
    assert await found(credentials) == ("of the folder", str(tmp_path / "secrets" / "anthropic" / "api-key"))
    await resources.apply(Secret(metadata=ObjectMeta(name="anthropic"), data={"api-key": "b2YgdGhlIGRvY3VtZW50"}))
    assert await found(credentials) == ("of the document", "Secret default/anthropic, key api-key")
    write(tmp_path / "mounted", "of the pod")
    assert await found(credentials) == ("of the pod", str(tmp_path / "mounted" / "anthropic" / "api-key"))
    await resources.close()


async def test_a_key_that_is_no_base64_is_an_error_that_does_not_repeat_it(tmp_path: Path) -> None:
    resources = SqliteResources(tmp_path / "resources.db")
    await resources.apply(Secret(metadata=ObjectMeta(name="anthropic"), data={"api-key": "sk-not base64"}))
    with pytest.raises(EnvironmentProblemError, match="stringData") as refused:
        await found(FoundCredentials(resources=resources, mounted=tmp_path, environment={}))
    assert "sk-not" not in str(refused.value)
    await resources.close()


async def test_a_name_that_climbs_out_of_the_folder_finds_nothing(tmp_path: Path) -> None:
    (tmp_path / "passwords").write_text("x")
    credentials = FoundCredentials(state=tmp_path / ".aios", mounted=tmp_path / "m", environment={})
    assert await found(credentials, SecretKeyRef(name="../..", key="passwords")) is None


@pytest.mark.parametrize(
    ("provider", "endpoint", "variable"),
    [
        (Provider.ANTHROPIC, None, "ANTHROPIC_API_KEY"),
        (Provider.ANTHROPIC, "https://api.anthropic.com", "ANTHROPIC_API_KEY"),
        (Provider.ANTHROPIC, "https://api.anthropic.com.evil.example", ""),
        (Provider.ANTHROPIC, "http://api.anthropic.com", ""),
        (Provider.ANTHROPIC, "http://127.0.0.1:8080", ""),
        (Provider.OPENAI_COMPATIBLE, "https://openrouter.ai/api/v1", ""),
        (Provider.OPENAI_COMPATIBLE, "https://api.openai.com/v1", "OPENAI_API_KEY"),
        (Provider.OLLAMA, None, ""),
    ],
)
def test_a_vendors_own_variable_is_sent_to_the_vendor_only(
    provider: Provider, endpoint: str | None, variable: str
) -> None:
    assert vendor_variable(ModelSpec(provider=provider, model="m", endpoint=endpoint)) == variable


def test_who_cannot_be_meant_to_go_without_a_key_needs_one() -> None:
    assert needs_key(ModelSpec(provider=Provider.ANTHROPIC, model="claude", credentials_secret_ref=REF))
    assert not needs_key(ModelSpec(provider=Provider.OLLAMA, model="m"))


async def test_a_document_of_files_counts_before_the_one_that_is_stored(tmp_path: Path) -> None:
    resources = SqliteResources(tmp_path / "resources.db")
    stored = Secret(metadata=ObjectMeta(name="anthropic"), string_data={"api-key": "as it was"})
    await resources.apply(stored)
    changed = stored.model_copy(update={"string_data": {"api-key": "as it will be"}})
    for stated, value in ({changed.ref: changed}, "as it will be"), ({}, "as it was"):
        credentials = FoundCredentials(resources=resources, stated=stated, mounted=tmp_path / "m", environment={})
        assert await found(credentials) == (value, "Secret default/anthropic, key api-key")
    await resources.close()


async def test_a_person_is_told_the_places_that_are_looked_into_in_their_order(tmp_path: Path) -> None:
    resources, state = SqliteResources(tmp_path / "resources.db"), tmp_path / ".aios"
    document, file = "Secret default/anthropic, key api-key", f"{state}/secrets/anthropic/api-key"
    laptop = FoundCredentials(resources=resources, state=state, mounted=tmp_path / "m", environment={})
    told = laptop.places("default", REF, "ANTHROPIC_API_KEY")
    assert tuple(told) == (document, file, "the environment's ANTHROPIC_API_KEY")
    assert advice(told) == f"Put one into {document} or {file} or the environment's ANTHROPIC_API_KEY"
    await resources.close()


def test_who_sees_no_secrets_is_not_told_of_them(tmp_path: Path) -> None:
    worker = FoundCredentials(state=tmp_path, mounted=tmp_path / "m", environment={})
    told = worker.places("default", REF, "ANTHROPIC_API_KEY")
    assert tuple(told) == (f"{tmp_path}/secrets/anthropic/api-key", "the environment's ANTHROPIC_API_KEY")
    (tmp_path / "m").mkdir()
    pod = FoundCredentials(mounted=tmp_path / "m", environment={})
    assert tuple(pod.places("default", REF, "")) == ("Secret default/anthropic, key api-key",)


def test_who_is_looked_for_nowhere_is_to_state_a_reference(tmp_path: Path) -> None:
    nowhere = FoundCredentials(state=tmp_path, mounted=tmp_path, environment={}).places("default", None, "")
    assert advice(nowhere) == "State spec.credentialsSecretRef"


def test_no_key_is_part_of_a_workers_configuration() -> None:
    model = WorkerModel(
        name="m", spec=ModelSpec(provider=Provider.ANTHROPIC, model="claude", credentials_secret_ref=REF)
    )
    assert '"key":"api-key"' in model.model_dump_json()
