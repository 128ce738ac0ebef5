"""ObjectStore and BucketAdmin: whole objects, one winner, no key that leads astray."""

import asyncio
from pathlib import Path

import pytest

from aios.errors import NotFoundError, PreconditionError, ServiceUnavailableError
from tests.contract.implementations import BucketsClient, Implementation, ObjectsClient
from tests.contract.processes import actor, actors
from tests.twins.lost_replies import LostReplyObjects

KEYS = ["a", "a/b", "a/b/c", "a+/b", "a b", "ü/€", "%2e%2e", ".hidden", "...", "x" * 200, "HEAD", "a~b", "c:d"]
BAD_KEYS = ["", "/", "/a", "a/", "a//b", ".", "..", "../a", "a/../b", "a/.", "./a", "x" * 1025]


async def test_what_was_put_is_got(objects: ObjectsClient) -> None:
    etag = await objects.put("key", b"bytes \x00\xff")
    found = await objects.get("key")
    assert (found.data, found.etag) == (b"bytes \x00\xff", etag)
    assert await objects.put("key", b"") != etag
    assert (await objects.get("key")).data == b""


async def test_missing_object_is_not_found(objects: ObjectsClient) -> None:
    await objects.put("a/b", b"")
    for key in ("none", "a", "a/b/c"):
        assert not await objects.exists(key)
        with pytest.raises(NotFoundError, match=key):
            await objects.get(key)
        await objects.delete(key)


async def test_every_kind_of_key_stands_for_itself(objects: ObjectsClient) -> None:
    for key in KEYS:
        await objects.create(key, key.encode())
    assert list(await objects.list("")) == sorted(KEYS)
    for key in KEYS:
        assert (await objects.get(key)).data == key.encode()
        assert await objects.exists(key)


@pytest.mark.parametrize("key", BAD_KEYS)
async def test_key_that_leads_astray_is_refused(objects: ObjectsClient, tmp_path: Path, key: str) -> None:
    before = sorted(tmp_path.rglob("*"))
    for attempt in (objects.put(key, b""), objects.create(key, b""), objects.replace(key, b"", "x")):
        with pytest.raises(ValueError, match="not a key"):
            await attempt
    for ask in (objects.get(key), objects.exists(key), objects.delete(key)):
        with pytest.raises(ValueError, match="not a key"):
            await ask
    assert sorted(tmp_path.rglob("*")) == before


async def test_list_gives_the_keys_of_a_prefix_wherever_it_ends(objects: ObjectsClient) -> None:
    for key in ("w/a/HEAD", "w/a/blobs/1", "w/ab/HEAD", "v"):
        await objects.put(key, b"")
    assert list(await objects.list("w/a")) == ["w/a/HEAD", "w/a/blobs/1", "w/ab/HEAD"]
    assert list(await objects.list("w/a/")) == ["w/a/HEAD", "w/a/blobs/1"]
    assert list(await objects.list("w/a/blobs/1")) == ["w/a/blobs/1"]
    assert list(await objects.list("x/")) == []
    await objects.delete("w/a/HEAD")
    assert list(await objects.list("w/a/")) == ["w/a/blobs/1"]


async def test_create_refuses_what_exists(objects: ObjectsClient) -> None:
    await objects.create("key", b"first")
    with pytest.raises(PreconditionError):
        await objects.create("key", b"second")
    assert (await objects.get("key")).data == b"first"


async def test_replace_refuses_another_version_and_what_is_not_there(objects: ObjectsClient) -> None:
    old = await objects.put("key", b"old")
    new = await objects.replace("key", b"new", old)
    with pytest.raises(PreconditionError):
        await objects.replace("key", b"newer", old)
    assert (await objects.get("key")).data == b"new"
    with pytest.raises(PreconditionError):
        await objects.replace("none", b"", new)
    assert not await objects.exists("none")


async def test_of_many_tasks_one_creates_and_one_replaces(objects: ObjectsClient) -> None:
    created = await asyncio.gather(
        *(objects.create("key", str(number).encode()) for number in range(30)), return_exceptions=True
    )
    (etag,) = [answer for answer in created if isinstance(answer, str)]
    replaced = await asyncio.gather(
        *(objects.replace("key", f"new {number}".encode(), etag) for number in range(30)), return_exceptions=True
    )
    (newest,) = [answer for answer in replaced if isinstance(answer, str)]
    assert (await objects.get("key")).etag == newest
    assert sum(isinstance(answer, PreconditionError) for answer in created + replaced) == 58


async def test_sixteen_processes_that_swap_one_object_lose_no_update(
    object_stores: Implementation[ObjectsClient], objects: ObjectsClient, tmp_path: Path
) -> None:
    await objects.put("number", b"0 start")
    with actors(16, "count_in_object", object_stores, tmp_path, "5") as running:
        reached = [int(number) for process in running for number in process.rest()]
    assert sorted(reached) == list(range(1, 81))
    assert (await objects.get("number")).data.startswith(b"80 ")


async def test_of_eight_processes_one_creates_each_object(
    object_stores: Implementation[ObjectsClient], objects: ObjectsClient, tmp_path: Path
) -> None:
    with actors(8, "race_to_create", object_stores, tmp_path, "20") as running:
        won = [int(number) for process in running for number in process.rest()]
    assert sorted(won) == list(range(20))
    assert len(await objects.list("race/")) == 20


async def test_put_survives_kill_and_is_never_seen_in_part(
    object_stores: Implementation[ObjectsClient], objects: ObjectsClient, tmp_path: Path
) -> None:
    with actor("put_for_ever", object_stores, tmp_path) as process:
        process.line()
        for _ in range(40):
            data = (await objects.get("large")).data
            assert data == data[:1] * 1_000_000
        # One more at least, however slow its disk; then whatever it still confirmed.
        confirmed = int([process.line(), *process.kill()][-1])
    data = (await objects.get("large")).data
    assert data == data[:1] * 1_000_000
    assert data[0] in {confirmed, (confirmed + 1) % 256}, "the last one confirmed, or the one after it"
    assert list(await objects.list("")) == ["large"], "what was aside when the process died is no object"


@pytest.mark.parametrize("every", [1, 2])
async def test_lost_replies_are_recognised_by_reading_back(objects: ObjectsClient, every: int) -> None:
    lossy = LostReplyObjects(objects, every=every)
    etag = await objects.create("key", b"start")
    for number in range(6):
        mine = f"unique {number}".encode()
        try:
            etag = await lossy.replace("key", mine, etag)
        except ServiceUnavailableError:
            with pytest.raises(PreconditionError):
                await objects.replace("key", mine, etag)
            found = await objects.get("key")
            assert found.data == mine
            etag = found.etag
    assert lossy.replies.lost > 0


async def test_bucket_is_made_listed_and_removed_with_all_in_it(buckets: BucketsClient) -> None:
    assert list(await buckets.buckets()) == []
    for name in ("aios-b", "aios-a", "aios-a"):
        await buckets.ensure_bucket(name)
    assert list(await buckets.buckets()) == ["aios-a", "aios-b"]
    await buckets.bucket("aios-a").put("key", b"data")
    await buckets.ensure_bucket("aios-a")
    assert (await buckets.bucket("aios-a").get("key")).data == b"data"
    assert list(await buckets.bucket("aios-b").list("")) == []
    for _ in range(2):
        await buckets.delete_bucket("aios-a")
    assert list(await buckets.buckets()) == ["aios-b"]
    await buckets.ensure_bucket("aios-a")
    assert list(await buckets.bucket("aios-a").list("")) == []


async def test_put_into_a_bucket_that_nobody_made_is_refused(buckets: BucketsClient) -> None:
    with pytest.raises(NotFoundError, match="nobodys"):
        await buckets.bucket("nobodys").put("key", b"data")
    assert list(await buckets.buckets()) == []


async def test_what_is_erased_is_gone_and_nothing_beside_it(buckets: BucketsClient) -> None:
    await buckets.ensure_bucket("aios-a")
    objects = buckets.bucket("aios-a")
    for key in ("projects/one/a", "projects/one/b!/c", "projects/one", "projects/one-more/a"):
        await objects.put(key, b"data")
    await objects.put("projects/one/a", b"overwritten")
    await objects.delete("projects/one/b!/c")
    for _ in range(2):
        await buckets.erase("aios-a", "projects/one/")
    assert list(await objects.list("")) == ["projects/one", "projects/one-more/a"]
    await buckets.erase("nobodys", "projects/")
    assert list(await buckets.buckets()) == ["aios-a"]
