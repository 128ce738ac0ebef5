"""What doctor learns of a provider; it spends nothing."""

from collections.abc import Iterator

import pytest

from aios.adapters.anthropic.probe import probe as probe_anthropic
from aios.adapters.openai_compatible.probe import probe as probe_openai
from aios.errors import ServiceUnavailableError
from aios.ports.probe import Probe
from tests.adapters.model_api.providers import KEY, NAMES, ProviderUnderTest, key, no_key, provider_under_test
from tests.servers.model_stub import Refuse
from tests.servers.process import free_ports


@pytest.fixture(params=NAMES)
def provider(request: pytest.FixtureRequest) -> Iterator[ProviderUnderTest]:
    with provider_under_test(request.param) as provider:
        yield provider
        assert provider.stub.chats == []


async def probe(provider: ProviderUnderTest, **more: object) -> Probe:
    ask = probe_anthropic if provider.name == "anthropic" else probe_openai
    return await ask(provider.spec(**more), key)


def say(provider: ProviderUnderTest, answer: object) -> None:
    provider.stub.dialect.listed = answer  # type: ignore[attr-defined]


async def test_a_provider_that_knows_the_model_has_no_problem(provider: ProviderUnderTest) -> None:
    found = await probe(provider)
    assert (found.details, found.problems) == (("2 models",), ())
    assert found.milliseconds > 0
    assert {asked.headers["authorization"] for asked in provider.stub.requests} == {f"Bearer {KEY}"}


async def test_a_model_that_is_not_there_is_told_with_those_that_are(provider: ProviderUnderTest) -> None:
    (problem,) = (await probe(provider, model="clod")).problems
    assert "no model clod (spec.model); it has" in problem
    assert "-test-1, " in problem


async def test_a_refused_key_is_a_problem_that_names_its_place(provider: ProviderUnderTest) -> None:
    say(provider, Refuse(401, f"bad key {KEY}"))
    (problem,) = (await probe(provider)).problems
    assert "answered 401" in problem
    assert "Secret vendor, key api-key" in problem
    assert KEY not in problem


async def test_a_server_without_a_list_is_no_problem(provider: ProviderUnderTest) -> None:
    say(provider, {"object": "something"})
    found = await probe(provider)
    assert found.problems == ()
    assert "it lists no models" in found.details[0]


@pytest.mark.parametrize("status", [500, 529])
async def test_a_server_in_trouble_is_unavailable(provider: ProviderUnderTest, status: int) -> None:
    say(provider, Refuse(status))
    with pytest.raises(ServiceUnavailableError, match=f"answered {status}"):
        await probe(provider)


async def test_a_server_that_is_not_there_is_unavailable(provider: ProviderUnderTest) -> None:
    (port,) = free_ports(1)
    with pytest.raises(ServiceUnavailableError, match="cannot be reached"):
        await probe(provider, endpoint=f"http://127.0.0.1:{port}")


async def test_without_a_key_none_is_sent(provider: ProviderUnderTest) -> None:
    ask = probe_anthropic if provider.name == "anthropic" else probe_openai
    await ask(provider.spec(), no_key)
    assert all("authorization" not in asked.headers for asked in provider.stub.requests)
