"""A team's own user at a real RabbitMQ: it does a worker's work through the real adapter, and every act beyond that is
refused by the server."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from urllib.parse import quote

import aiormq
import pytest
from aiormq.channel import Channel

from aios.adapters.rabbitmq.broker import RabbitBroker
from aios.adapters.rabbitmq.connection import RabbitServer
from aios.adapters.rabbitmq.layout import exchange_of
from aios.adapters.rabbitmq.management import Management
from aios.adapters.rabbitmq.topology import RabbitAdmin
from aios.adapters.rabbitmq.users import RabbitUsers
from aios.errors import CredentialsRefusedError, ServiceUnavailableError
from aios.naming import dead_letter_queue, engine_queue, queue_name
from aios.ports.access import Grantee, NoUsersError
from aios.ports.broker import Message
from aios.wiring.services import with_credentials
from tests.contract.waiting import eventually
from tests.servers.rabbitmq import RabbitProcess, ask

TEAM, PASSWORD = Grantee("default", "team", "here"), "of-the-team"
OURS, ENGINE = queue_name("default", "team", "worker"), engine_queue("default")
THEIRS = (
    queue_name("default", "other", "worker"),
    queue_name("default", "team-b", "worker"),
    queue_name("elsewhere", "team", "worker"),
    engine_queue("elsewhere"),
)
BELL = Message("bell:1", {"run": "default/p/1"})

Act = Callable[[Channel], Awaitable[object]]


@pytest.fixture
async def users(vhost: str, admin: RabbitAdmin, rabbitmq: RabbitProcess) -> AsyncIterator[RabbitUsers]:
    for queue in (OURS, ENGINE, *THEIRS):
        await admin.ensure_queue(queue)
    made = RabbitUsers(vhost, rabbitmq.admin_url)
    yield made
    await made.revoke(TEAM)


@pytest.fixture
async def team_url(vhost: str, users: RabbitUsers) -> str:
    user = await users.grant(TEAM, PASSWORD)
    return with_credentials(vhost, user, PASSWORD)


@pytest.fixture
async def team(team_url: str) -> AsyncIterator[RabbitBroker]:
    made = RabbitBroker(team_url)
    yield made
    await made.close()


async def _refused(url: str, act: Act) -> None:
    server = RabbitServer(url, purpose="test")
    channel = await server.channel(confirms=True)
    with pytest.raises(aiormq.exceptions.ChannelAccessRefused):
        await act(channel)
    await server.close()


async def test_a_worker_takes_its_members_bells_and_rings_at_the_engine(
    team: RabbitBroker, broker: RabbitBroker, admin: RabbitAdmin
) -> None:
    for _ in range(2):
        await broker.publish(OURS, BELL)
    async with team.consume(OURS) as consumer:
        first = await consumer.receive(10)
        assert first is not None
        await first.ack()
        second = await consumer.receive(10)
        assert second is not None
        await second.nack(requeue=False)
    await team.publish(ENGINE, BELL)
    async with broker.consume(ENGINE) as consumer:
        heard = await consumer.receive(10)
        assert heard is not None
        await heard.ack()

    async def is_dead() -> bool:
        return await admin.dead_letters(OURS) == (BELL,)

    await eventually(is_dead)  # a quorum queue hands over what was refused a moment later


@pytest.mark.parametrize("queue", [*THEIRS, ENGINE, dead_letter_queue(OURS)])
async def test_nobody_elses_queue_is_read_or_emptied(queue: str, team_url: str) -> None:
    async def listener(_: object) -> None:
        raise AssertionError("nothing may come")

    await _refused(team_url, lambda channel: channel.basic_consume(queue, listener))
    await _refused(team_url, lambda channel: channel.basic_get(queue))
    await _refused(team_url, lambda channel: channel.queue_purge(queue))
    await _refused(team_url, lambda channel: channel.queue_delete(queue))


@pytest.mark.parametrize("queue", [*THEIRS, OURS])
async def test_nobody_but_the_engine_is_rung(queue: str, team_url: str) -> None:
    await _refused(
        team_url, lambda channel: channel.basic_publish(b"{}", exchange=exchange_of(queue), routing_key=queue)
    )
    # By the default exchange, too, and by the engine's with another key.
    await _refused(team_url, lambda channel: channel.basic_publish(b"{}", exchange="", routing_key=queue))
    await _refused(
        team_url, lambda channel: channel.basic_publish(b"{}", exchange=exchange_of(ENGINE), routing_key=queue)
    )


async def test_nothing_is_made_bound_or_removed(team_url: str) -> None:
    await _refused(team_url, lambda channel: channel.queue_declare("aios.default.team.mine"))
    await _refused(team_url, lambda channel: channel.queue_declare(""))
    await _refused(team_url, lambda channel: channel.exchange_declare("aios.default.team.mine"))
    await _refused(team_url, lambda channel: channel.exchange_delete(exchange_of(ENGINE)))
    await _refused(
        team_url, lambda channel: channel.queue_bind(OURS, exchange_of(THEIRS[0]), routing_key="aios.default.other.#")
    )
    await _refused(team_url, lambda channel: channel.queue_delete(OURS))


async def test_the_management_does_not_let_it_in(team_url: str, users: RabbitUsers, rabbitmq: RabbitProcess) -> None:
    management = Management(team_url, f"http://{rabbitmq.admin_url.rpartition('@')[2]}")
    for path in ("overview", "queues/{vhost}", "users", "whoami"):
        with pytest.raises(CredentialsRefusedError):
            await management.ask("GET", path)
    user = quote(await users.grant(TEAM, PASSWORD), safe="")
    ask(rabbitmq.admin_url, "PUT", f"users/{user}", {"password": PASSWORD, "tags": "management"})
    assert await management.ask("GET", "whoami"), "it is the missing tag that kept it out"
    await users.grant(TEAM, PASSWORD)
    with pytest.raises(CredentialsRefusedError):
        await management.ask("GET", "whoami")


async def test_granting_again_changes_the_password_and_nothing_else(
    vhost: str, users: RabbitUsers, rabbitmq: RabbitProcess
) -> None:
    user = await users.grant(TEAM, PASSWORD)
    before = ask(rabbitmq.admin_url, "GET", "permissions")
    assert await users.grant(TEAM, "another") == user
    assert ask(rabbitmq.admin_url, "GET", "permissions") == before
    for password, enters in (("another", True), (PASSWORD, False)):
        server = RabbitServer(with_credentials(vhost, user, password), purpose="test")
        if enters:
            await server.channel()
            await server.close()
        else:
            with pytest.raises(ServiceUnavailableError, match="refuses the user"):
                await server.channel()


async def test_granting_again_disturbs_nobody_at_work(
    team: RabbitBroker, broker: RabbitBroker, users: RabbitUsers
) -> None:
    async with team.consume(OURS) as consumer:
        await broker.publish(OURS, BELL)
        held = await consumer.receive(10)
        assert held is not None
        await users.grant(TEAM, PASSWORD)
        await held.ack()
        await broker.publish(OURS, BELL)
        heard = await consumer.receive(10)
        assert heard is not None, "the place at the queue is lost"
        assert not heard.redelivered
        await heard.ack()


async def test_who_was_revoked_is_put_out(team_url: str, users: RabbitUsers) -> None:
    server = RabbitServer(team_url, purpose="test")
    await server.channel()
    await users.revoke(TEAM)
    await users.revoke(TEAM)

    async def is_out() -> bool:
        try:
            await server.channel()  # over the connection that was open, until it is closed, a moment later
        except ServiceUnavailableError:
            return True
        return False

    await eventually(is_out)
    await server.close()


async def test_namesakes_of_two_installations_keep_their_passwords(vhost: str, users: RabbitUsers) -> None:
    namesake = Grantee("default", "team", "there")
    urls = [
        with_credentials(vhost, await users.grant(grantee, password), password)
        for grantee, password in ((TEAM, PASSWORD), (namesake, "of-the-namesake"))
    ]
    assert {TEAM, namesake} <= set(await users.grantees())
    await users.revoke(namesake)
    server = RabbitServer(urls[0], purpose="test")
    await server.channel()
    await server.close()
    with pytest.raises(ServiceUnavailableError):
        await RabbitServer(urls[1], purpose="test").channel()
    assert namesake not in await users.grantees()


async def test_lives_of_a_team_have_users_beside_each_other(vhost: str, users: RabbitUsers) -> None:
    """The one of before lives were told apart in names is a life like the others."""
    lives = [replace(TEAM, life=life) for life in ("", "0123abcd", "89efefef")]
    urls = [
        with_credentials(vhost, await users.grant(life, PASSWORD + life.life), PASSWORD + life.life) for life in lives
    ]
    assert set(lives) <= set(await users.grantees())
    for index, life in enumerate(lives):
        for url in urls[index:]:
            server = RabbitServer(url, purpose="test")
            await server.channel()
            await server.close()
        await users.revoke(life)
        with pytest.raises(ServiceUnavailableError):
            await RabbitServer(urls[index], purpose="test").channel()
        assert life not in await users.grantees()


async def test_another_vhost_has_another_user_of_the_same_team(users: RabbitUsers, rabbitmq: RabbitProcess) -> None:
    default_vhost = RabbitUsers(rabbitmq.url, rabbitmq.admin_url)
    one, other = await users.grant(TEAM, PASSWORD), await default_vhost.grant(TEAM, PASSWORD)
    await default_vhost.revoke(TEAM)
    assert one != other
    assert TEAM in await users.grantees()
    assert TEAM not in await default_vhost.grantees()
    assert one in {user["name"] for user in ask(rabbitmq.admin_url, "GET", "users")}


async def test_who_may_not_make_users_is_told_what_to_give_him(team_url: str, rabbitmq: RabbitProcess) -> None:
    without_tag = RabbitUsers(team_url, f"http://{rabbitmq.admin_url.rpartition('@')[2]}")
    with pytest.raises(NoUsersError, match="administrator"):
        await without_tag.grant(TEAM, PASSWORD)
    with pytest.raises(NoUsersError, match="administrator"):
        await without_tag.revoke(TEAM)
    with pytest.raises(NoUsersError, match="administrator"):
        await without_tag.grantees()
