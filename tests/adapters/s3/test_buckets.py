"""Buckets of an S3 server: names that fit, whatever the namespace is called, and a way in that tells what is wrong."""

import hashlib
import os
from collections.abc import Sequence
from functools import partial
from typing import Any, cast

import pytest
from minio import Minio
from minio.commonconfig import ENABLED
from minio.datatypes import Bucket
from minio.deleteobjects import DeleteError
from minio.error import S3Error

from aios.adapters.object_journal.journal import ObjectJournal
from aios.adapters.s3.address import S3Address
from aios.adapters.s3.buckets import S3Buckets
from aios.adapters.s3.objects import SUM
from aios.adapters.s3.probe import probe
from aios.adapters.s3.transport import Answer, S3Transport, UnansweredError
from aios.errors import EnvironmentProblemError, NotFoundError, ServiceUnavailableError
from aios.naming import bucket_name
from aios.ports.journal import Record
from tests.servers.minio import VARIABLE


async def test_the_longest_namespace_has_a_bucket_of_its_own(minio: str) -> None:
    buckets = S3Buckets(f"{minio}?prefix=long-")
    one, other = (bucket_name("n" * 62 + end) for end in "ab")
    for name in (one, other):
        await buckets.ensure_bucket(name)
    await buckets.bucket(one).put("key", b"one")
    with pytest.raises(NotFoundError):
        await buckets.bucket(other).get("key")
    for name in (one, other):
        await buckets.delete_bucket(name)
    await buckets.close()


async def test_a_name_that_no_store_allows_is_refused(minio: str) -> None:
    buckets = S3Buckets(minio)
    with pytest.raises(EnvironmentProblemError, match="no name for a bucket"):
        await buckets.ensure_bucket("Not_A_Bucket")
    await buckets.close()


async def test_a_wrong_secret_is_told_by_its_key_and_not_shown(minio: str) -> None:
    key = S3Address.parse(minio).access_key
    buckets = S3Buckets(minio.replace(minio.partition("@")[0].rpartition(":")[2], "hunter2hunter2"))
    for attempt in (buckets.ensure_bucket("aios-wrong"), buckets.bucket("aios-wrong").get("key")):
        with pytest.raises(ServiceUnavailableError, match=key) as refused:
            await attempt
        assert "hunter2" not in str(refused.value)
    await buckets.close()


async def test_large_objects_go_up_and_come_down_in_parts(minio: str) -> None:
    buckets = S3Buckets(f"{minio}?prefix=large-")
    await buckets.ensure_bucket("aios-x")
    objects, data = buckets.bucket("aios-x"), os.urandom(1024) * (40 * 1024)
    etag = await objects.put("large", data)
    found = await objects.get("large")
    assert found.data == data
    assert found.etag == etag
    kept = client_of(minio).stat_object("large-aios-x", "large!").metadata or {}
    assert kept[SUM] == hashlib.sha256(data).hexdigest()
    replaced = await objects.replace("large", data + b"!", etag)
    assert (await objects.get("large")).etag == replaced
    await buckets.delete_bucket("aios-x")
    await buckets.close()


@pytest.mark.parametrize("server", ["minio", "seaweedfs"])
async def test_an_upload_whose_completion_was_not_confirmed_is_complete(
    server: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    buckets = S3Buckets(f"{request.getfixturevalue(server)}?prefix=confirm-")
    await buckets.ensure_bucket("aios-x")
    send, completions = S3Transport.send, 0

    async def lossy(self: S3Transport, method: str, path: str, **more: Any) -> Answer:
        nonlocal completions
        answer = await send(self, method, path, **more)
        if method == "POST" and "uploadId" in more["query"]:
            completions += 1
            if completions == 1:
                raise UnansweredError("the reply was lost")
        return answer

    monkeypatch.setattr(S3Transport, "send", lossy)
    objects, data = buckets.bucket("aios-x"), os.urandom(1024) * (17 * 1024)
    etag = await objects.put("large", data)
    found = await objects.get("large")
    assert (found.data, found.etag) == (data, etag)
    assert completions == 2
    await buckets.delete_bucket("aios-x")
    await buckets.close()


async def test_what_was_deleted_or_overwritten_does_not_stay_for_ever(minio: str) -> None:
    buckets, client = S3Buckets(f"{minio}?prefix=kept-"), client_of(minio)
    await buckets.ensure_bucket("aios-x")
    kept = client.get_bucket_lifecycle("kept-aios-x")
    assert kept is not None
    (rule,) = kept.rules
    assert rule.expiration is not None
    assert rule.expiration.expired_object_delete_marker
    assert rule.noncurrent_version_expiration is not None
    await buckets.delete_bucket("aios-x")
    await buckets.close()


def versions(client: Minio, bucket: str) -> list[str]:
    return [found.object_name or "" for found in client.list_objects(bucket, recursive=True, include_version=True)]


async def test_what_is_erased_leaves_no_old_version(minio: str) -> None:
    buckets, client = S3Buckets(f"{minio}?prefix=erased-"), client_of(minio)
    await buckets.ensure_bucket("aios-x")
    objects = buckets.bucket("aios-x")
    await objects.put("secret/a", b"once")
    await objects.put("secret/a", b"twice")
    await objects.put("secret/b", b"deleted")
    await objects.delete("secret/b")
    await objects.put("kept", b"")
    assert len(versions(client, "erased-aios-x")) == 5, "two of a, one of b with its mark, one kept"
    await buckets.erase("aios-x", "secret/")
    assert versions(client, "erased-aios-x") == ["kept!"]
    await buckets.delete_bucket("aios-x")
    await buckets.close()


async def test_a_stream_that_is_deleted_leaves_no_old_version(minio: str) -> None:
    buckets, client = S3Buckets(f"{minio}?prefix=stream-"), client_of(minio)
    await buckets.ensure_bucket("aios-x")
    journal = ObjectJournal(buckets.bucket("aios-x"), erase=partial(buckets.erase, "aios-x"))
    await journal.append("runs/default/p/1", 0, [Record({"prompt": "restricted"})])
    await journal.delete("runs/default/p/1")
    left = versions(client, "stream-aios-x")
    assert left, "the index keeps the name a while"
    assert not [name for name in left if "/streams/" in name]
    await journal.close()
    await buckets.delete_bucket("aios-x")
    await buckets.close()


@pytest.mark.parametrize("refusing", ["list_objects", "remove_objects"])
async def test_whoever_may_not_remove_versions_removes_what_there_is(
    minio: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, refusing: str
) -> None:
    buckets = S3Buckets(f"{minio}?prefix=denied-")
    await buckets.ensure_bucket("aios-x")
    await buckets.bucket("aios-x").put("secret/a", b"")

    def denied(*_: object, **__: object) -> list[DeleteError]:
        if refusing == "remove_objects":
            return [DeleteError("AccessDenied", "no", "secret/a!", "1")]
        raise S3Error(None, "AccessDenied", "", "", "", "")  # type: ignore[arg-type]

    with monkeypatch.context() as limited:
        limited.setattr(Minio, refusing, denied)
        await buckets.erase("aios-x", "secret/")
    assert list(await buckets.bucket("aios-x").list("")) == []
    assert "old versions of secret/ stay until the store expires them: AccessDenied" in caplog.text
    await buckets.delete_bucket("aios-x")
    await buckets.close()


async def test_a_bucket_that_was_half_made_is_finished_later(minio: str, monkeypatch: pytest.MonkeyPatch) -> None:
    buckets, client = S3Buckets(f"{minio}?prefix=half-"), client_of(minio)

    def overloaded(*_: object, **__: object) -> None:
        raise S3Error(None, "SlowDown", "", "", "", "")  # type: ignore[arg-type]

    with monkeypatch.context() as broken:
        broken.setattr(Minio, "set_bucket_versioning", overloaded)
        with pytest.raises(ServiceUnavailableError, match="SlowDown"):
            await buckets.ensure_bucket("aios-x")
    await buckets.ensure_bucket("aios-x")
    assert client.get_bucket_versioning("half-aios-x").status == ENABLED
    await buckets.delete_bucket("aios-x")
    await buckets.close()


def client_of(url: str) -> Minio:
    address = S3Address.parse(url)
    return Minio(address.host, address.access_key, address.secret_key, secure=False, region=address.region)


async def test_the_probe_names_the_product_and_its_dialect(minio: str) -> None:
    buckets = S3Buckets(minio)
    await buckets.ensure_bucket("aios-journal")
    found = await probe(os.environ[VARIABLE])
    assert found.service == "MinIO"
    assert found.details == ("conditional writes: yes, quoted etags",)
    assert not found.problems
    await buckets.close()


def test_an_address_without_credentials_says_what_is_missing() -> None:
    with pytest.raises(EnvironmentProblemError, match="KEY:SECRET"):
        S3Address.parse("s3+http://127.0.0.1:9000")


def test_an_address_is_shown_without_its_secret() -> None:
    address = S3Address.parse("s3+https://key:se%2Fcret@store.example:9000?region=eu-1&prefix=a-")
    assert (address.secret_key, address.region, address.prefix) == ("se/cret", "eu-1", "a-")
    assert "se/cret" not in f"{address} {address!r}"


AWS = "s3+https://KEY:SECRET@s3.eu-central-1.amazonaws.com"


def at_aws(monkeypatch: pytest.MonkeyPatch, *, exists: bool, ours: Sequence[str] = (), code: str = "") -> list[str]:
    """The client's answers, as AWS gives them; what was made."""
    made: list[str] = []

    def make(_: Minio, bucket: str) -> None:
        if code:
            raise S3Error(cast("Any", None), code, "m", bucket, "r", "h")
        made.append(bucket)

    monkeypatch.setattr(Minio, "bucket_exists", lambda *_: exists)
    monkeypatch.setattr(Minio, "make_bucket", make)
    monkeypatch.setattr(Minio, "list_buckets", lambda _: [Bucket(name, None) for name in ours])
    for settled in ("set_bucket_lifecycle", "set_bucket_versioning"):
        monkeypatch.setattr(Minio, settled, lambda *_: None)
    return made


async def test_a_bucket_of_another_account_is_given_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    at_aws(monkeypatch, exists=True, ours=["another"])
    with pytest.raises(EnvironmentProblemError, match=r"aios-journal belongs to another account.*\?prefix=NAME-"):
        await S3Buckets(AWS).ensure_bucket("aios-journal")
    at_aws(monkeypatch, exists=False, code="BucketAlreadyExists")
    with pytest.raises(EnvironmentProblemError, match="belongs to another account"):
        await S3Buckets(AWS).ensure_bucket("aios-journal")


async def test_a_bucket_of_ours_is_taken_and_one_that_the_user_named_is_not_asked_about(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    at_aws(monkeypatch, exists=True, ours=["aios-journal"])
    await S3Buckets(AWS).ensure_bucket("aios-journal")
    at_aws(monkeypatch, exists=True)
    await S3Buckets(f"{AWS}?prefix=acme-").ensure_bucket("aios-journal")
    at_aws(monkeypatch, exists=False, code="BucketAlreadyOwnedByYou")
    await S3Buckets(AWS).ensure_bucket("aios-journal")
    made = at_aws(monkeypatch, exists=False)
    await S3Buckets(AWS).ensure_bucket("aios-journal")
    assert made == ["aios-journal"]
