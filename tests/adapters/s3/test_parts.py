"""A large object that breaks off says why in our own words, takes back what it began, and leaves its task as it was."""

import asyncio

import pytest

from aios.adapters.s3.parts import PART, get_rest, put_in_parts
from aios.adapters.s3.transport import Answer
from aios.errors import CredentialsRefusedError, NotFoundError, ServiceUnavailableError

PATH = "/aios-default/large"
LARGE = bytes(3 * PART)
AWAY = "the store does not answer"


class Store:
    """An object store whose second part fails, `broken`, or is never answered."""

    completion: Exception | bytes | None = None

    def __init__(self, *, broken: Exception | None = None, abort: Exception | None = None) -> None:
        self.asked: list[str] = []
        self.waiting = asyncio.Event()
        self._broken, self._abort = broken, abort

    async def __call__(
        self,
        method: str,
        path: str,
        *,
        query: dict[str, str] | None = None,
        headers: dict[str, str] | None = None,
        body: bytes = b"",
        allowed: frozenset[int] | set[int] = frozenset(),
    ) -> Answer:
        self.asked.append(method)
        if method == "DELETE" and self._abort:
            raise self._abort
        if (query or {}).get("partNumber") == "2" or (headers or {}).get("Range", "").startswith(f"bytes={PART}-"):
            await self._second()
        if method == "POST" and "uploadId" in (query or {}) and self.completion:
            return self._complete(self.completion)
        return Answer(200, {"ETag": '"one"'}, b"<UploadId>u</UploadId>" if "uploads" in (query or {}) else body)

    def _complete(self, completion: Exception | bytes) -> Answer:
        if isinstance(completion, Exception):
            raise completion
        return Answer(200, {}, completion)

    async def _second(self) -> None:
        self.waiting.set()
        if self._broken:
            raise self._broken
        await asyncio.Event().wait()


def first() -> Answer:
    return Answer(206, {"Content-Range": f"bytes 0-{PART - 1}/{len(LARGE)}", "ETag": '"one"'}, LARGE[:PART])


async def test_a_part_that_fails_raises_its_own_error_and_the_upload_is_taken_back() -> None:
    store = Store(broken=ServiceUnavailableError(AWAY))
    with pytest.raises(ServiceUnavailableError, match=AWAY):
        await put_in_parts(store, PATH, LARGE)
    assert store.asked[-1] == "DELETE"


@pytest.mark.parametrize("completion", [NotFoundError("no object"), b"<Error><Code>InternalError</Code></Error>"])
async def test_an_upload_that_cannot_be_completed_is_waited_for_and_taken_back(completion: Exception | bytes) -> None:
    store = Store()
    store.completion = completion
    with pytest.raises(ServiceUnavailableError, match=PATH):
        await put_in_parts(store, PATH, LARGE[:PART])
    assert store.asked[-1] == "DELETE"


async def test_a_range_that_fails_raises_its_own_error() -> None:
    with pytest.raises(ServiceUnavailableError, match=AWAY):
        await get_rest(Store(broken=ServiceUnavailableError(AWAY)), PATH, first())
    with pytest.raises(NotFoundError):
        await get_rest(Store(broken=NotFoundError("deleted")), PATH, first())


async def test_an_upload_that_cannot_be_taken_back_says_why_it_failed_all_the_same() -> None:
    store = Store(broken=ServiceUnavailableError(AWAY), abort=CredentialsRefusedError("may not abort"))
    with pytest.raises(ServiceUnavailableError, match=AWAY):
        await put_in_parts(store, PATH, LARGE)


async def test_a_timeout_after_a_part_failed_is_still_a_timeout() -> None:
    store = Store(broken=ServiceUnavailableError(AWAY))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            for work in (put_in_parts(store, PATH, LARGE), get_rest(store, PATH, first())):
                with pytest.raises(ServiceUnavailableError):
                    await work
            task = asyncio.current_task()
            assert task is not None
            assert not task.cancelling()
            await asyncio.Event().wait()


async def test_a_cancelled_upload_ends_its_parts_and_is_taken_back() -> None:
    store = Store()
    putting = asyncio.create_task(put_in_parts(store, PATH, LARGE))
    await store.waiting.wait()
    putting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await putting
    assert store.asked[-1] == "DELETE"
    assert asyncio.all_tasks() == {asyncio.current_task()}
