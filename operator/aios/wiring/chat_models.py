"""The one list of model providers: how a worker gets the ChatModel that a configuration names.

A client is made once a process and model, kept while its spec stays the same, and asks for its key at every call.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from aios.adapters.scripted import ScriptedModel
from aios.desired.nouns import WorkerModel
from aios.errors import EnvironmentProblemError, ModelCallError
from aios.ports.chat_model import ChatModel
from aios.ports.credentials import Credentials
from aios.spec.model import ModelSpec
from aios.spec.vocabulary import Provider
from aios.wiring.instrument import Instrument, as_they_are

VENDORS = {
    Provider.ANTHROPIC: ("ANTHROPIC_API_KEY", "anthropic.com"),
    Provider.OPENAI_COMPATIBLE: ("OPENAI_API_KEY", "openai.com"),
}
"""The vendor's own variable, asked last, and the only domain whose hosts may be sent what is in it."""
KEYLESS = frozenset({Provider.OLLAMA, Provider.LLAMA_CPP, Provider.SCRIPTED})
"""Whose models answer without any key unless one is stated."""

ApiKey = Callable[[], Awaitable[str]]


class _Client(ChatModel, Protocol):
    async def close(self) -> None: ...


class ChatModels:
    """Clients by model, for one process."""

    def __init__(self, credentials: Credentials, instrument: Instrument = as_they_are) -> None:
        self._credentials, self._instrument = credentials, instrument
        self._clients: dict[tuple[str, str], tuple[ModelSpec, _Client, ChatModel]] = {}

    def of(self, namespace: str) -> Callable[[WorkerModel], ChatModel]:
        """How the workers of a namespace get their models."""
        return lambda model: self._get(namespace, model)

    async def close(self) -> None:
        """End every connection."""
        clients, self._clients = self._clients, {}
        for _, client, _ in clients.values():
            await client.close()

    def _get(self, namespace: str, model: WorkerModel) -> ChatModel:
        if model.spec.provider is Provider.SCRIPTED:
            scripted: ChatModel = ScriptedModel(model.name, model.spec.script or ())
            return self._instrument("chat", scripted)
        key = namespace, model.name
        known = self._clients.get(key)
        # One that was replaced is not closed: a call may be under way. It goes with the process.
        if known is None or known[0] != model.spec:
            client = _client(model, self._api_key(namespace, model))
            chat: ChatModel = client
            known = self._clients[key] = (model.spec, client, self._instrument("chat", chat))
        return known[2]

    def _api_key(self, namespace: str, model: WorkerModel) -> ApiKey:
        spec = model.spec
        variable = vendor_variable(spec)

        async def find() -> str:
            try:
                found = await self._credentials.find(namespace, spec.credentials_secret_ref, variable)
            except EnvironmentProblemError as error:
                raise ModelCallError(f"model {model.name}: {error}", transient=False) from error
            if found is None and needs_key(spec):
                told = advice(self._credentials.places(namespace, spec.credentials_secret_ref, variable))
                raise ModelCallError(f"model {model.name}: no API key. {told}", transient=False)
            return found.value if found else ""

        return find


def vendor_variable(spec: ModelSpec) -> str:
    """The environment variable that may hold the key of this model; "" when its endpoint is not the vendor's, or is
    one where the key would travel in clear."""
    variable, domain = VENDORS.get(spec.provider, ("", ""))
    if spec.endpoint and not spec.endpoint.startswith("https://"):
        return ""
    host = spec.host.rstrip(".") if spec.endpoint else domain
    return variable if host == domain or host.endswith(f".{domain}") else ""


def advice(places: Sequence[str]) -> str:
    """What to do about a key that was found in none of them."""
    return f"Put one into {' or '.join(places)}" if places else "State spec.credentialsSecretRef"


def needs_key(spec: ModelSpec) -> bool:
    """Whether a call without a key cannot be meant."""
    if spec.credentials_secret_ref is not None:
        return True
    return spec.provider not in KEYLESS and not spec.endpoint


def _client(model: WorkerModel, api_key: ApiKey) -> _Client:
    match model.spec.provider:
        case Provider.ANTHROPIC:
            from aios.adapters.anthropic.model import AnthropicModel

            return AnthropicModel(model.name, model.spec, api_key)
        case Provider.OPENAI_COMPATIBLE:
            from aios.adapters.openai_compatible.model import OpenAICompatibleModel

            return OpenAICompatibleModel(model.name, model.spec, api_key)
        case Provider.OLLAMA:
            from aios.adapters.ollama.model import OllamaModel

            return OllamaModel(model.name, model.spec, api_key)
        case Provider.LLAMA_CPP:
            from aios.adapters.llama_cpp.model import LlamaCppModel

            return LlamaCppModel(model.name, model.spec)
    raise AssertionError(model.spec.provider)
