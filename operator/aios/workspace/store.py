"""Workspace: a project's files in an object store.

Keys under the prefix: `blobs/<sha256>`, `manifests/<sha256>`, `commits/<sha256>` (all immutable) and `HEAD`. Blobs are
durable before the manifest that names them, the manifest before the HEAD that names it: whatever is found is whole.
Refuses to touch HEAD other than by compare-and-swap.
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import TypeVar

from aios.errors import (
    ConflictError,
    EnvironmentProblemError,
    NoBucketError,
    NotFoundError,
    PreconditionError,
    ServiceUnavailableError,
)
from aios.naming import digest
from aios.parallel import in_parallel
from aios.ports.object_store import ObjectStore
from aios.spec.vocabulary import Privacy
from aios.workspace import folder as folders
from aios.workspace.export import make_marked, require_room, without_repositories
from aios.workspace.head import Commit, CommitIntent, Head, commit_from, head_from, to_data
from aios.workspace.manifest import EMPTY, FileEntry, Manifest
from aios.workspace.paths import WorkspaceLimitError, check_totals
from aios.workspace.rebase import rebase
from aios.workspace.turns import Turn

T = TypeVar("T")
Confirm = Callable[[], Awaitable[None]]
PARALLEL = 8
OUTAGES = 5


async def _granted() -> None:
    """For commits of whom nobody can take the right away from."""


class Workspace:
    """The files under `prefix`. Safe for any number of processes at once."""

    def __init__(
        self,
        objects: ObjectStore,
        prefix: str,
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        turn: Turn | None = None,
    ) -> None:
        """`turn`: shared by those of this process who commit here (see `turns`)."""
        self._objects = objects
        self._prefix = prefix
        self._sleep = sleep
        self._busy = asyncio.Semaphore(PARALLEL)
        self._turn = turn or Turn()
        self._manifests: dict[str, Manifest] = {}
        """Those that were read or stored through this object: what is stored never changes."""

    async def head(self) -> Head:
        """Where the workspace stands; the empty Head before the first commit."""
        return (await self._head())[0]

    async def manifest(self, manifest_digest: str) -> Manifest:
        """The manifest of that digest; "" is the empty one. Raises NotFoundError."""
        if manifest_digest in {"", EMPTY.digest}:
            return EMPTY
        known = self._manifests.get(manifest_digest)
        if known is None:
            known = Manifest.from_data(await self._immutable("manifests", manifest_digest))
            self._manifests[manifest_digest] = known
        return known

    async def read(self, entry: FileEntry) -> bytes:
        """A file's bytes. Raises NotFoundError."""
        return await self._immutable("blobs", entry.sha256)

    async def checkout(self, manifest: Manifest, folder: Path) -> None:
        """Make `folder` hold exactly the files of `manifest`. Everything else in it is removed."""
        wanted = sorted(folders.shas(manifest))
        found = await in_parallel(lambda sha256: self._bounded(lambda: self._immutable("blobs", sha256)), wanted)
        await asyncio.to_thread(folders.empty, folder)
        await asyncio.to_thread(folders.write, folder, manifest, dict(zip(wanted, found, strict=True)))

    async def snapshot(self, folder: Path, *, base: Manifest = EMPTY, label: Privacy = Privacy.PUBLIC) -> Manifest:
        """The manifest of what `folder` holds, durable with all its blobs.

        Contents that `base` (a stored manifest) names are not uploaded again. Files that differ from it carry `label`.
        Raises UnsafePathError and WorkspaceLimitError; then nothing is kept.
        """
        scanned = await asyncio.to_thread(folders.scan, folder, base, label)
        await in_parallel(lambda data: self._bounded(lambda: self._put("blobs", data)), scanned.new_blobs.values())
        return scanned.manifest if scanned.manifest == base else await self.store(scanned.manifest)

    async def store(self, manifest: Manifest) -> Manifest:
        """Make a manifest whose blobs are all stored durable, and return it."""
        if manifest.digest not in self._manifests:
            await self._put("manifests", manifest.data)
            self._manifests[manifest.digest] = manifest
        return manifest

    async def commit(self, intent: CommitIntent, confirm: Confirm = _granted) -> Head:
        """Move HEAD to what `intent` makes of it; a commit that is in already changes nothing.

        Others' changes to other files are kept. Raises ConflictError naming the files both changed, WorkspaceLimitError
        when all together are too much. `confirm` is called between reading HEAD and moving it, and raises when the
        right to do so is gone: whatever was committed after it was lost moves HEAD, so that not even who was frozen
        between the two can write over it.
        """
        async with self._turn.taken():
            return await self._commit(intent, confirm)

    async def _commit(self, intent: CommitIntent, confirm: Confirm) -> Head:
        base, mine = await self.manifest(intent.base_manifest), await self.manifest(intent.manifest)
        outages = turn = 0
        while True:
            head, etag = await self._head()
            if head.applied.get(intent.applied_key) == intent.commit:
                return head
            merged = rebase(base, await self.manifest(head.manifest), mine)
            if merged.conflicts:
                raise ConflictError(merged.conflicts)
            _check_together(merged.manifest)
            try:
                return await self._move(head, etag, intent, merged.manifest, confirm)
            except PreconditionError:
                turn += 1
            except ServiceUnavailableError:
                # The reply may be lost and our HEAD in place: the next turn reads it and recognises the commit.
                outages += 1
                if outages > OUTAGES:
                    raise
            await self._sleep(_pause(intent.commit, turn + outages))

    async def log(self, limit: int = 100) -> tuple[Commit, ...]:
        """The latest commits, newest first."""
        return tuple([commit async for commit in self._chain(limit)])

    async def export(self, folder: Path) -> Manifest:
        """Write HEAD's files below `folder` beside whatever is there, with a marker that says so. Returns what was
        written, the marker not among it; what would make a git repository is left out.

        Raises EnvironmentProblemError, before anything is written, when that would change a file that exists or follow
        a link, and when `folder` holds other YAML.
        """
        manifest = without_repositories(await self.manifest((await self.head()).manifest))
        await asyncio.to_thread(require_room, folder, manifest)
        blobs = {sha256: await self._immutable("blobs", sha256) for sha256 in folders.shas(manifest)}
        await asyncio.to_thread(make_marked, folder, manifest)
        await asyncio.to_thread(folders.write, folder, manifest, blobs)
        return manifest

    async def _move(self, head: Head, etag: str, intent: CommitIntent, merged: Manifest, confirm: Confirm) -> Head:
        """One attempt at the compare-and-swap. Raises PreconditionError when somebody else was first."""
        commit = Commit(
            commit=intent.commit,
            sequence=head.sequence + 1,
            parent=head.record,
            manifest=merged.digest,
            author=intent.author,
            message=intent.message,
        )
        # Side by side: the shorter the time between reading HEAD and moving it, the fewer are refused at a busy one.
        before = (lambda: self.store(merged), lambda: self._put("commits", to_data(commit)), confirm)
        await in_parallel(lambda act: act(), before)
        record = hashlib.sha256(to_data(commit)).hexdigest()
        moved = head.advanced(intent, record=record, manifest=merged.digest)
        key, data = self._prefix + "HEAD", to_data(moved)
        await (self._objects.replace(key, data, etag) if etag else self._objects.create(key, data))
        return moved

    async def _head(self) -> tuple[Head, str]:
        """HEAD with its etag; the etag is "" while there is none. Raises NoBucketError: nothing is known then."""
        try:
            stored = await self._patiently(lambda: self._objects.get(self._prefix + "HEAD"))
        except NoBucketError:
            raise
        except NotFoundError:
            return Head(), ""
        return head_from(stored.data), stored.etag

    async def _chain(self, limit: int) -> AsyncIterator[Commit]:
        record = (await self.head()).record
        while record and limit > 0:
            commit = commit_from(await self._immutable("commits", record))
            yield commit
            record, limit = commit.parent, limit - 1

    async def _immutable(self, kind: str, sha256: str) -> bytes:
        """An immutable object's bytes, compared with its name: a store that lost bits is found here."""
        key = f"{self._prefix}{kind}/{sha256}"
        data = (await self._patiently(lambda: self._objects.get(key))).data
        if hashlib.sha256(data).hexdigest() != sha256:
            raise EnvironmentProblemError(f"{key}: the stored bytes do not match their name; restore the object store")
        return data

    async def _put(self, kind: str, data: bytes) -> None:
        key = f"{self._prefix}{kind}/{hashlib.sha256(data).hexdigest()}"
        await self._patiently(lambda: self._objects.put(key, data))

    async def _patiently(self, act: Callable[[], Awaitable[T]]) -> T:
        """Do what may be done twice, again if the service is away for a moment."""
        outages = 0
        while True:
            try:
                return await act()
            except ServiceUnavailableError:
                outages += 1
                if outages > OUTAGES:
                    raise
            await self._sleep(0.1 * 2**outages)

    async def _bounded(self, act: Callable[[], Awaitable[T]]) -> T:
        """One of PARALLEL at a time of all that are made through this object."""
        async with self._busy:
            return await act()


def _check_together(merged: Manifest) -> None:
    """Each side alone was within the limits."""
    sizes = [entry.size for entry in merged.files.values()]
    try:
        check_totals(len(sizes), sum(sizes))
    except WorkspaceLimitError as error:
        raise WorkspaceLimitError(f"together with what other tasks committed meanwhile: {error}") from error


def _pause(commit: str, turn: int) -> float:
    """Seconds before turn `turn` at a contended HEAD: 5 ms doubling to 320 ms, spread by the commit's name."""
    spread = int(digest([commit, turn])[:8], 16) / 0xFFFFFFFF
    return float(0.005 * 2 ** min(turn - 1, 6) * (0.5 + spread))
