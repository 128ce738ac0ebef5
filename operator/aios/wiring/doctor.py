"""`aios doctor`: asks every service and model that would be used who it is, and says what is missing and how to get it.

It spends nothing: models are asked for their names, never for an answer; only an embedder, which runs on a machine of
yours, embeds a word. Keys are named by their source, never shown. Whoever fails in a way that nobody foresaw is a line
of the report, too: one that ends with a trace says nothing of all the others.
"""

import asyncio
import importlib.util
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from enum import StrEnum
from importlib import import_module
from urllib.parse import unquote, urlsplit

from aios.agents.tools.command import looked_in, which
from aios.embedded.state_folder import StateFolder
from aios.errors import AiosError, EnvironmentProblemError, MissingExtraError, ModelCallError, install_line
from aios.ports.credentials import Credentials
from aios.ports.probe import Probe
from aios.spec.model import Model, ModelSpec
from aios.spec.project import Project
from aios.spec.team import AgentTeam
from aios.spec.vocabulary import Privacy, Provider
from aios.wiring.chat_models import ApiKey, advice, needs_key, vendor_variable
from aios.wiring.embedders import probe_embedder, read_url
from aios.wiring.programs import needed
from aios.wiring.services import Services, variable, without_credentials
from aios.wiring.truth import compare

PATIENCE = 10.0
"""Seconds that any one of them may take."""
EMBEDDING_PATIENCE = 5.0
"""Of those, for one word: a server may load its model first."""
TOLD = 300
"""Characters of an error that nobody foresaw."""
EXTRAS = {
    "memory": "qdrant_client",
    "kubernetes": "kopf",
    "services": "aio_pika",
    "models": "anthropic",
    "local": "xllamacpp",
}
"""A library that shows whether the extra is installed."""
_TWINS = {
    "broker": "SQLite",
    "objects": "folders",
    "journal": "SQLite",
    "sessions": "SQLite",
    "knowledge": "Qdrant's local mode",
}

_PROBED_BY = {
    "broker": ("rabbitmq", "aio_pika"),
    "objects": ("s3", "minio"),
    "journal": ("s3", "minio"),
    "sessions": ("redis", "redis.asyncio"),
    "knowledge": ("qdrant", "qdrant_client"),
    "ollama+http": ("ollama", "ollama"),
    "ollama+https": ("ollama", "ollama"),
    "openai+http": ("openai_compatible", "openai"),
    "openai+https": ("openai_compatible", "openai"),
    Provider.ANTHROPIC: ("anthropic", "anthropic"),
    Provider.OPENAI_COMPATIBLE: ("openai_compatible", "openai"),
    Provider.OLLAMA: ("ollama", "ollama"),
}
"""Adapter and library of a port, an embedder's scheme, or a model's provider."""

Ask = Callable[[], Awaitable[Probe]]


class Verdict(StrEnum):
    """What a finding comes to."""

    WELL = "ok"
    EMBEDDED = "embedded"
    MISSING = "missing"
    """Not there, and perhaps not needed here."""
    PROBLEM = "problem"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report; `details` follow below it."""

    subject: str
    verdict: Verdict
    text: str
    details: tuple[str, ...] = ()


async def examine(
    state: StateFolder,
    services: Services,
    models: Sequence[Model],
    credentials: Credentials,
    *,
    teams: Sequence[AgentTeam] = (),
    projects: Sequence[Project] = (),
) -> Sequence[Finding]:
    """Everything, asked at the same time; in a stable order. `teams` and `projects` name the programs to look for."""
    _import(services, models)
    asked = [_service(port, url, ask) for port, url, ask in _services(services)]
    asked += [_model(model, credentials) for model in models]
    return [_folder(state, services), *await asyncio.gather(*asked), *_programs(teams, projects), *_extras()]


def _import(services: Services, models: Sequence[Model]) -> None:
    """What will be asked with, before anybody is: a library that takes seconds to load, as the first time it may, would
    stop the loop while others wait for answers that have come."""
    stated = [port for port in _TWINS if getattr(services, port)]
    for asked in (*stated, services.embeddings.partition(":")[0], *(model.spec.provider for model in models)):
        adapter, library = _PROBED_BY.get(asked, ("", ""))
        if adapter:
            with suppress(ModuleNotFoundError):  # which one is told where it is needed
                import_module(library)
                import_module(f"aios.adapters.{adapter}.probe")


def _folder(state: StateFolder, services: Services) -> Finding:
    try:
        state.refuse_others()
        if not state.exists:
            return Finding("state", Verdict.WELL, f"{state.path} does not exist yet; `aios up` makes it")
        state.check_version()
        compare(state, services)
    except EnvironmentProblemError as error:
        return Finding("state", Verdict.PROBLEM, str(error))
    driver = state.driver()
    return Finding("state", Verdict.WELL, f"{state.path}, {f'driven by process {driver}' if driver else 'at rest'}")


def _services(services: Services) -> Sequence[tuple[str, str, Ask]]:
    async def rabbitmq() -> Probe:
        from aios.adapters.rabbitmq.probe import probe

        return await probe(services.broker, services.broker_admin)

    async def objects() -> Probe:
        from aios.adapters.s3.probe import probe

        return await probe(services.objects)

    async def journal() -> Probe:
        from aios.adapters.s3.probe import probe

        return await probe(services.journal)

    async def sessions() -> Probe:
        from aios.adapters.redis.probe import probe

        return await probe(services.sessions)

    async def knowledge() -> Probe:
        from aios.adapters.qdrant.probe import probe

        return await probe(services.knowledge)

    async def embeddings() -> Probe:
        return await _tried(services.embeddings, await probe_embedder(services.embeddings))

    return (
        ("broker", services.broker, rabbitmq),
        ("objects", services.objects, objects),
        ("journal", services.journal, journal),
        ("sessions", services.sessions, sessions),
        ("knowledge", services.knowledge, knowledge),
        ("embeddings", services.embeddings, embeddings),
    )


async def _service(port: str, url: str, ask: Ask) -> Finding:
    if not url and port == "embeddings":
        told = f"none: what agents remember is found by its words alone; or set {variable(port)}"
        return Finding(port, Verdict.MISSING, told)
    if not url:
        return Finding(port, Verdict.EMBEDDED, f"{_TWINS[port]} in the state folder; or set {variable(port)}")
    return await _asked(port, without_credentials(url), ask, secrets=_secrets(url))


async def _tried(url: str, found: Probe) -> Probe:
    """Any web server may list something or nothing as an OpenAI server does: a vector shows that it embeds."""
    stated = read_url(url)
    if stated.spec.provider is not Provider.OPENAI_COMPATIBLE or found.problems:
        return found
    from aios.adapters.openai_compatible.embedder import OpenAICompatibleEmbedder

    embedder = OpenAICompatibleEmbedder(stated.spec, stated.api_key, least=stated.least)
    try:
        async with asyncio.timeout(EMBEDDING_PATIENCE):
            (vector,) = await embedder.embed(["word"], Privacy.PUBLIC)
    except TimeoutError:
        told = f"no vector within {EMBEDDING_PATIENCE:.0f} s: whether it embeds was not seen, it may be loading a model"
        return replace(found, details=(*found.details, told))
    if not any(vector):
        return replace(found, problems=(f"{stated.spec.model} has no vector for a word: name a model that embeds",))
    return replace(found, details=(*found.details, f"vectors of {len(vector):,} numbers"))


def _secrets(url: str) -> tuple[str, ...]:
    """What of a URL is shown to nobody, as it stands there and as it is meant."""
    password = urlsplit(url).password or ""
    return tuple(secret for secret in (password, unquote(password)) if secret)


def _unforeseen(error: Exception, secrets: Sequence[str]) -> str:
    said = str(error)
    for secret in secrets:
        said = said.replace(secret, "***")
    return f"{type(error).__name__}: {said[:TOLD]}" if said else type(error).__name__


async def _asked(subject: str, where: str, ask: Ask, *, secrets: Sequence[str] = ()) -> Finding:
    """`secrets`: what no finding may show."""
    try:
        async with asyncio.timeout(PATIENCE):
            probe = await ask()
    except TimeoutError:
        return Finding(subject, Verdict.PROBLEM, f"{where} did not answer within {PATIENCE:.0f} s")
    except ModuleNotFoundError as error:
        extra = "models" if subject.startswith("model ") else "services"
        return Finding(subject, Verdict.PROBLEM, str(MissingExtraError(extra, f"{where} ({error.name})")))
    except AiosError as error:
        return Finding(subject, Verdict.PROBLEM, str(error))
    except Exception as error:  # noqa: BLE001  # the others are to be told of all the same
        return Finding(subject, Verdict.PROBLEM, f"{where}: {_unforeseen(error, secrets)}")
    verdict = Verdict.PROBLEM if probe.problems else Verdict.WELL
    told = f"{probe.service} {probe.version}".strip()
    return Finding(subject, verdict, f"{told}  {where}  {probe.milliseconds:.1f} ms", (*probe.details, *probe.problems))


async def _model(model: Model, credentials: Credentials) -> Finding:
    spec, name = model.spec, f"model {model.metadata.name}"
    if spec.provider is Provider.SCRIPTED:
        return Finding(name, Verdict.WELL, "Scripted: plays its script, needs nothing")
    asked = model.metadata.namespace, spec.credentials_secret_ref, vendor_variable(spec)
    try:
        found = await credentials.find(*asked)
    except AiosError as error:
        return Finding(name, Verdict.PROBLEM, str(error))
    if found is None and needs_key(spec):
        told = f"{spec.provider} {spec.model}: no API key. {advice(credentials.places(*asked))}"
        return Finding(name, Verdict.PROBLEM, told)

    async def api_key() -> str:
        return found.value if found else ""

    where = without_credentials(spec.endpoint or "") or "the vendor's own endpoint"
    secrets = (*_secrets(spec.endpoint or ""), *([found.value] if found else []))
    finding = await _asked(
        name, f"{spec.model or ''} at {where}".strip(), lambda: _ask_model(spec, api_key), secrets=secrets
    )
    key = (f"key: {found.source}",) if found else ()
    return Finding(finding.subject, finding.verdict, finding.text, (*key, *finding.details))


async def _ask_model(spec: ModelSpec, api_key: ApiKey) -> Probe:
    try:
        match spec.provider:
            case Provider.ANTHROPIC:
                from aios.adapters.anthropic.probe import probe as anthropic

                return await anthropic(spec, api_key)
            case Provider.OPENAI_COMPATIBLE:
                from aios.adapters.openai_compatible.probe import probe as openai_compatible

                return await openai_compatible(spec, api_key)
            case Provider.OLLAMA:
                from aios.adapters.ollama.probe import probe as ollama

                return await ollama(spec, api_key)
            case _:
                from aios.adapters.llama_cpp.probe import probe as llama_cpp

                return await llama_cpp(spec)
    except ModelCallError as error:
        raise EnvironmentProblemError(str(error)) from error


def _programs(teams: Sequence[AgentTeam], projects: Sequence[Project]) -> Sequence[Finding]:
    return [_program(program, who) for program, who in sorted(needed(teams, projects).items())]


def _program(program: str, who: Sequence[str]) -> Finding:
    """Where commands find it here. Workers may run elsewhere, so one that is not here is no problem yet."""
    place, needs = which(program), f"needed by {', '.join(who)}"
    if place is not None:
        return Finding(f"program {program}", Verdict.WELL, f"{place}  {needs}")
    told = "install it wherever workers run: a task whose check cannot run fails there before any model is asked"
    return Finding(f"program {program}", Verdict.MISSING, f"not on this machine; {needs}", (looked_in(program), told))


def _extras() -> Sequence[Finding]:
    return [
        Finding(f"extra {extra}", Verdict.WELL, "installed")
        if importlib.util.find_spec(library)
        else Finding(f"extra {extra}", Verdict.MISSING, install_line(extra))
        for extra, library in EXTRAS.items()
    ]
