"""A team's own user at a real MinIO: it does a worker's work through the real adapters, and every act beyond that is
refused by the server."""

import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from aios.adapters.object_journal.journal import ObjectJournal
from aios.adapters.s3.address import S3Address
from aios.adapters.s3.buckets import S3Buckets
from aios.adapters.s3.parts import PART
from aios.adapters.s3.policies import BucketRights
from aios.adapters.s3.transport import S3Transport
from aios.adapters.s3.users import S3Users
from aios.errors import CredentialsRefusedError, ServiceUnavailableError
from aios.naming import attempt_stream, bucket_name, digest, mail_stream, run_stream, workspace_prefix
from aios.ports.access import Grantee, NoUsersError
from aios.ports.journal import Record
from aios.wiring.ports import JOURNAL_BUCKET
from aios.wiring.services import with_credentials
from aios.wiring.team_rights import file_rights, journal_rights
from aios.workspace.head import CommitIntent
from aios.workspace.store import Workspace

PASSWORD = secrets.token_hex(20)
TEAM, APART = Grantee("default", "team", "here"), Grantee("default", "apart", "here")
RUN, THEIRS = "default/word-count/0123456789ab", "elsewhere/secret/0123456789ab"


def both(namespace: str) -> tuple[BucketRights, ...]:
    return (*file_rights(namespace), *journal_rights(namespace))


def record(name: str) -> Record:
    return Record({"type": "Said"}, id=name)


def listing(prefix: str) -> dict[str, str]:
    return {"list-type": "2", "prefix": prefix}


@dataclass(frozen=True, slots=True)
class Store:
    """The operator's way in, and a team's."""

    url: str
    admin: S3Buckets
    users: S3Users
    team_url: str
    team: S3Buckets

    async def send(self, method: str, path: str, body: bytes = b"", query: Mapping[str, str] | None = None) -> int:
        """What the server answers the team; `path` begins with a bucket of ours."""
        address = S3Address.parse(self.team_url)
        transport = S3Transport(address)
        try:
            return (await transport.send(method, f"/{address.prefix}{path}", query=query, body=body)).status
        finally:
            await transport.close()


@pytest.fixture
async def store(minio: str, tmp_path: Path) -> AsyncIterator[Store]:
    url = f"{minio}?prefix={digest(str(tmp_path))[:12]}-"
    admin, users = S3Buckets(url), S3Users(url, both)
    for bucket in (JOURNAL_BUCKET, bucket_name("default"), bucket_name("elsewhere")):
        await admin.ensure_bucket(bucket)
    journal = ObjectJournal(admin.bucket(JOURNAL_BUCKET))
    await journal.append(run_stream(RUN), 0, [record("opened")])
    await journal.append(run_stream(THEIRS), 0, [record("opened")])
    await journal.append(attempt_stream(THEIRS, "plan", 1), 0, [record("claimed")])
    await admin.bucket(bucket_name("elsewhere")).put(f"{workspace_prefix('elsewhere', 'secret')}HEAD", b"{}")
    await journal.close()
    team_url = with_credentials(url, await users.grant(TEAM, PASSWORD), PASSWORD)
    team = S3Buckets(team_url)
    yield Store(url, admin, users, team_url, team)
    await team.close()
    await users.revoke(TEAM)
    for bucket in (JOURNAL_BUCKET, bucket_name("default"), bucket_name("elsewhere")):
        await admin.delete_bucket(bucket)
    await admin.close()


async def test_a_worker_commits_files_of_its_namespaces_projects(store: Store, tmp_path: Path) -> None:
    workspace = Workspace(store.team.bucket(bucket_name("default")), workspace_prefix("default", "word-count"))
    (tmp_path / "made").mkdir()
    (tmp_path / "made" / "a.txt").write_text("hello")
    for turn in range(3):
        (tmp_path / "made" / "b.txt").write_text(str(turn))
        head = await workspace.head()
        base = await workspace.manifest(head.manifest)
        made = await workspace.snapshot(tmp_path / "made", base=base)
        await workspace.commit(
            CommitIntent(
                commit=f"commit-{turn}",
                applied_key=f"task-{turn}",
                base_manifest=head.manifest,
                manifest=made.digest,
                author="software-developer",
                message="work",
            )
        )
    assert len(await workspace.log()) == 3
    await workspace.export(tmp_path / "out")
    assert (tmp_path / "out" / "b.txt").read_text() == "2"


async def test_a_worker_reads_its_run_and_writes_attempts_and_mail(store: Store) -> None:
    journal = ObjectJournal(store.team.bucket(JOURNAL_BUCKET))
    assert [one.id for one in await journal.read(run_stream(RUN))] == ["opened"]
    for stream in (attempt_stream(RUN, "plan", 1), mail_stream(RUN, "writer")):
        # As many as let it tell the index where the stream ends, and list.
        for seq in range(140):
            await journal.append(stream, seq, [record(f"r{seq}")])
        await journal.close()
        again = ObjectJournal(store.team.bucket(JOURNAL_BUCKET))
        assert len(await again.read(stream)) == 140
        assert (await again.read(stream, 100, 1))[0].id == "r100"
        await again.close()


async def test_a_worker_that_wakes_in_a_deleted_life_tidies_up(store: Store) -> None:
    stream = attempt_stream(RUN, "plan", 2)
    layout_prefix = f"journal/streams/{stream}"
    journal = ObjectJournal(store.team.bucket(JOURNAL_BUCKET))
    await journal.append(stream, 0, [record("claimed")])
    keys = await store.admin.bucket(JOURNAL_BUCKET).list(layout_prefix)
    await store.team.bucket(JOURNAL_BUCKET).delete(keys[0])
    assert not await store.admin.bucket(JOURNAL_BUCKET).list(layout_prefix)
    await journal.close()


async def test_a_worker_keeps_a_large_file(store: Store) -> None:
    key, data = f"{workspace_prefix('default', 'word-count')}large", secrets.token_bytes(2 * PART + 1)
    bucket = store.team.bucket(bucket_name("default"))
    etag = await bucket.put(key, data)
    found = await bucket.get(key)
    assert (found.data == data, found.etag) == (True, etag)


async def test_a_worker_takes_back_a_large_file_that_broke_off(store: Store) -> None:
    bucket, key = bucket_name("default"), f"{workspace_prefix('default', 'word-count')}large"
    address = S3Address.parse(store.team_url)
    transport = S3Transport(address)
    begun = await transport.send("POST", f"/{address.prefix}{bucket}/{key}", query={"uploads": ""})
    await transport.close()
    upload = begun.body.partition(b"<UploadId>")[2].partition(b"<")[0].decode()
    assert await store.send("PUT", f"{bucket}/{key}", b"part", {"partNumber": "1", "uploadId": upload}) == 200
    assert await store.send("DELETE", f"{bucket}/{key}", query={"uploadId": upload}) == 204


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("HEAD", "aios-elsewhere"),
        ("GET", "aios-elsewhere"),
        ("GET", "aios-elsewhere/workspaces/elsewhere/secret/HEAD"),
        ("PUT", "aios-elsewhere/workspaces/elsewhere/secret/HEAD"),
        ("PUT", "aios-elsewhere/workspaces/default/HEAD"),
        ("GET", "aios-default"),
        ("PUT", "aios-default/elsewhere"),
        ("PUT", "aios-default/workspaces/elsewhere/HEAD"),
        ("DELETE", "aios-default/workspaces/default/word-count/HEAD"),
        ("GET", "aios-journal"),
        ("GET", f"aios-journal/journal/index/runs/{THEIRS}+"),
        ("GET", f"aios-journal/journal/index/attempts/{THEIRS}/plan/1+"),
        ("PUT", f"aios-journal/journal/index/attempts/{THEIRS}/plan/1+"),
        ("PUT", f"aios-journal/journal/index/runs/{RUN}+"),
        ("PUT", f"aios-journal/journal/streams/runs/{RUN}+000000000000/0000000000000001"),
        ("DELETE", f"aios-journal/journal/index/runs/{RUN}+"),
        ("DELETE", f"aios-journal/journal/index/attempts/{RUN}/plan/1+"),
        ("PUT", "aios-another"),
        ("DELETE", "aios-default"),
        ("DELETE", "aios-journal"),
    ],
)
async def test_everything_else_is_refused(method: str, path: str, store: Store) -> None:
    assert await store.send(method, path, b"forged" if method == "PUT" and "/" in path else b"") == 403


@pytest.mark.parametrize("prefix", ["", "workspaces/", "workspaces/elsewhere/", "workspaces/defau"])
async def test_only_ones_own_files_are_listed(prefix: str, store: Store) -> None:
    assert await store.send("GET", "aios-default", query=listing(prefix)) == 403
    assert await store.send("GET", "aios-default", query={"versions": "", "prefix": prefix}) == 403
    assert await store.send("GET", "aios-default", query=listing("workspaces/default/")) == 200


@pytest.mark.parametrize("prefix", ["", "journal/", "journal/index/", "journal/index/runs/", "journal/index/runs/e"])
async def test_only_ones_own_streams_are_listed(prefix: str, store: Store) -> None:
    assert await store.send("GET", "aios-journal", query=listing(prefix)) == 403
    assert await store.send("GET", "aios-journal", query=listing("journal/index/runs/default/")) == 200


@pytest.mark.parametrize("query", ["policy", "versioning", "lifecycle", "acl", "notification"])
async def test_how_buckets_are_kept_is_not_its_business(query: str, store: Store) -> None:
    assert await store.send("GET", "aios-default", query={query: ""}) == 403


async def test_it_administers_nobody_not_even_itself(store: Store) -> None:
    itself = S3Users(store.team_url, both)
    with pytest.raises(NoUsersError, match="consoleAdmin"):
        await itself.grant(TEAM, PASSWORD)
    with pytest.raises(NoUsersError):
        await itself.revoke(APART)
    with pytest.raises(CredentialsRefusedError):
        await store.team.ensure_bucket("aios-another")
    with pytest.raises(CredentialsRefusedError):
        await store.team.buckets()


async def test_granting_again_changes_the_password_and_nothing_else(store: Store) -> None:
    user = await store.users.grant(TEAM, "another-password")
    key = f"{workspace_prefix('default', 'p')}HEAD"
    with pytest.raises(CredentialsRefusedError):
        await store.team.bucket(bucket_name("default")).put(key, b"{}")
    again = S3Buckets(with_credentials(store.url, user, "another-password"))
    await again.bucket(bucket_name("default")).put(key, b"{}")
    await again.close()


async def test_who_was_revoked_is_out(store: Store) -> None:
    for _ in range(2):
        await store.users.revoke(TEAM)
    with pytest.raises(CredentialsRefusedError):
        await store.team.bucket(bucket_name("default")).put(f"{workspace_prefix('default', 'p')}HEAD", b"{}")


async def test_installations_on_one_store_have_users_of_their_own(store: Store, minio: str) -> None:
    neighbour = S3Users(f"{minio}?prefix={secrets.token_hex(4)}-", both)
    user = await neighbour.grant(TEAM, PASSWORD)
    try:
        assert user != await store.users.grant(TEAM, PASSWORD)
        assert await store.send("HEAD", "aios-default") == 200
        assert list(await neighbour.grantees()) == [TEAM]
        assert list(await store.users.grantees()) == [TEAM]
    finally:
        await neighbour.revoke(TEAM)


async def test_lives_of_a_team_have_users_beside_each_other(store: Store) -> None:
    """The one of before lives were told apart in names is a life like the others."""
    key = f"{workspace_prefix('default', 'p')}HEAD"
    later = replace(TEAM, life="0123abcd")
    entered = S3Buckets(
        with_credentials(store.url, await store.users.grant(later, "another-password"), "another-password")
    )
    assert set(await store.users.grantees()) == {TEAM, later}
    for team in (store.team, entered):
        await team.bucket(bucket_name("default")).put(key, b"{}")
    await store.users.revoke(TEAM)
    with pytest.raises(CredentialsRefusedError):
        await store.team.bucket(bucket_name("default")).put(key, b"{}")
    await entered.bucket(bucket_name("default")).put(key, b"[]")
    assert set(await store.users.grantees()) == {later}
    await entered.close()
    await store.users.revoke(later)


@pytest.mark.parametrize("life", ["", "0123abcd"])
async def test_a_journals_user_is_never_taken_for_a_life_of_the_files(store: Store, life: str) -> None:
    """Whoever sweeps the files' users would remove it."""
    journal = S3Users(store.url, journal_rights, suffix=".journal")
    reader = replace(APART, life=life)
    await journal.grant(reader, PASSWORD)
    try:
        assert set(await store.users.grantees()) == {TEAM}
        assert set(await journal.grantees()) == {reader}
    finally:
        await journal.revoke(reader)


async def test_files_and_a_journal_apart_have_users_who_see_one_of_them(store: Store) -> None:
    files, journal = S3Users(store.url, file_rights), S3Users(store.url, journal_rights, suffix=".journal")
    key, stream = f"{workspace_prefix('default', 'p')}HEAD", f"journal/index/{mail_stream(RUN, 'writer')}+"
    places = {files: (bucket_name("default"), key), journal: (JOURNAL_BUCKET, stream)}
    for users in places:
        user = await users.grant(APART, PASSWORD)
        entered = S3Buckets(with_credentials(store.url, user, PASSWORD))
        for whose, (bucket, key) in places.items():
            if whose is users:
                await entered.bucket(bucket).put(key, b"{}")
            else:
                with pytest.raises(CredentialsRefusedError):
                    await entered.bucket(bucket).put(key, b"{}")
        await entered.close()
    for users in places:
        assert list(await users.grantees()).count(APART) == 1
        await users.revoke(APART)
        assert APART not in await users.grantees()


async def test_a_store_that_is_not_minio_is_left_alone(seaweedfs: str) -> None:
    admin = S3Buckets(seaweedfs)
    before = await admin.buckets()
    users = S3Users(seaweedfs, both)
    acts: tuple[Callable[[], Awaitable[object]], ...] = (
        users.grantees,
        lambda: users.grant(TEAM, PASSWORD),
        lambda: users.revoke(TEAM),
    )
    for act in acts:
        with pytest.raises(NoUsersError, match="IAM"):
            await act()
    assert await admin.buckets() == before
    await admin.close()


async def test_a_store_that_is_away_is_waited_for() -> None:
    users = S3Users("s3+http://key:secret-key@127.0.0.1:1", both)
    with pytest.raises(ServiceUnavailableError, match=r"127\.0\.0\.1:1") as away:
        await users.grant(TEAM, PASSWORD)
    assert PASSWORD not in str(away.value)
