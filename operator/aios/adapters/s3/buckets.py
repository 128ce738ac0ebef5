"""Buckets of an S3 server, and the way into each. Making and removing them is the operator's right.

Administration goes through the `minio` client, which speaks to every S3 server; it blocks, so it runs in threads.
"""

import asyncio
import logging
import re
from collections.abc import Callable, Sequence
from typing import TypeVar

from minio import Minio
from minio.commonconfig import ENABLED, Filter
from minio.deleteobjects import DeleteObject
from minio.error import MinioException, S3Error
from minio.lifecycleconfig import (
    AbortIncompleteMultipartUpload,
    Expiration,
    LifecycleConfig,
    NoncurrentVersionExpiration,
    Rule,
)
from minio.versioningconfig import VersioningConfig
from urllib3 import PoolManager, Timeout
from urllib3.exceptions import HTTPError
from urllib3.util.retry import Retry

from aios.adapters.s3.address import S3Address
from aios.adapters.s3.dialect import Dialects
from aios.adapters.s3.keys import to_prefix
from aios.adapters.s3.objects import S3Objects
from aios.adapters.s3.refusals import ALLOWED_SKEW_SECONDS, clocks_differ, skew_seconds
from aios.adapters.s3.transport import CONNECT_SECONDS, SILENCE_SECONDS, S3Transport
from aios.errors import CredentialsRefusedError, EnvironmentProblemError, ServiceUnavailableError
from aios.naming import digest
from aios.parallel import in_parallel

log = logging.getLogger(__name__)

T = TypeVar("T")

KEPT_DAYS = 7
"""How long what was overwritten or deleted in a workspace can be brought back, where the server keeps versions."""
LONGEST = 63
_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_LATER = {"InternalError", "OperationAborted", "ServiceUnavailable", "SlowDown"}
_HIDDEN = {"AccessDenied", "MethodNotAllowed", "NotImplemented"}
"""How a store says that it keeps no versions, or that they are not for us to remove."""
_OURS = {"BucketAlreadyOwnedByYou"}
_TAKEN = _OURS | {"BucketAlreadyExists"}
"""The second is what servers of one's own say of one's own buckets; at AWS it is another account's."""


class _HiddenError(EnvironmentProblemError):
    """Versions cannot be seen or removed."""


class S3Buckets:
    """BucketAdmin; `bucket` gives the ObjectStore of one."""

    def __init__(self, url: str) -> None:
        """`url` as `S3Address.parse` takes it."""
        address = S3Address.parse(url)
        self._prefix = address.prefix
        self._is_shared = address.host.partition(":")[0].endswith((".amazonaws.com", ".amazonaws.com.cn"))
        """Names of buckets are those of all accounts in the world."""
        self._transport = S3Transport(address)
        self._dialects = Dialects()
        self._ours: set[str] = set()
        """Buckets that were looked up and found to be of this account."""
        self._half_made: set[str] = set()
        """Buckets of which it is not known that they keep versions as they should."""
        self._client = Minio(
            address.host,
            address.access_key,
            address.secret_key,
            secure=address.scheme == "https",
            region=address.region,
            http_client=PoolManager(
                timeout=Timeout(connect=CONNECT_SECONDS, read=SILENCE_SECONDS),
                retries=Retry(total=2, backoff_factor=0.2, status_forcelist=[500, 502, 503, 504]),
                ssl_context=address.trust.context() if address.trust.encrypted else None,
            ),
        )

    def bucket(self, name: str) -> S3Objects:
        """The objects of a bucket, which need not exist yet."""
        return S3Objects(self._transport, self._name(name), self._dialects)

    async def ensure_bucket(self, bucket: str) -> None:
        name = self._name(bucket)
        if not _NAME.fullmatch(name):
            raise EnvironmentProblemError(
                f"{name!r} is no name for a bucket (3 to 63 of a-z, 0-9, - and .): change the namespace or the prefix"
            )
        await self._in_thread(lambda: self._ensure(name))

    async def delete_bucket(self, bucket: str) -> None:
        await self._in_thread(lambda: self._delete(self._name(bucket)))

    async def erase(self, bucket: str, prefix: str) -> None:
        name = self._name(bucket)
        try:
            await self._in_thread(lambda: self._erase(name, to_prefix(prefix)))
        except _HiddenError as error:
            log.warning("%s: old versions of %s stay until the store expires them: %s", name, prefix, error)
            objects = self.bucket(bucket)
            await in_parallel(objects.delete, await objects.list(prefix))

    async def buckets(self) -> Sequence[str]:
        found = await self._in_thread(self._client.list_buckets)
        ours = (bucket.name for bucket in found if bucket.name and bucket.name.startswith(self._prefix))
        return sorted(name.removeprefix(self._prefix) for name in ours)

    async def close(self) -> None:
        """End the connections."""
        await self._transport.close()

    @property
    def _or_taken(self) -> str:
        """Another account's bucket is refused like a wrong key."""
        if not self._is_shared or self._prefix:
            return ""
        return "; or another account has that bucket: state a prefix of your own, such as ?prefix=NAME-"

    def _name(self, bucket: str) -> str:
        return stored_name(self._prefix, bucket)

    def _ensure(self, bucket: str) -> None:
        if self._client.bucket_exists(bucket):
            self._refuse_another_accounts(bucket)
        else:
            self._half_made.add(bucket)
            try:
                self._client.make_bucket(bucket)
            except S3Error as error:
                if self._is_shared and error.code not in _OURS and error.code in _TAKEN:
                    raise _taken(bucket) from error
                if error.code not in _TAKEN:
                    raise
        if bucket in self._half_made:
            self._keep_versions(bucket)
            self._half_made.discard(bucket)

    def _refuse_another_accounts(self, bucket: str) -> None:
        """Whoever owns a bucket reads what is put there, and its name could be guessed. One whose name begins with a
        prefix of the user's own was chosen: it may well be another account's."""
        if not self._is_shared or self._prefix or bucket in self._half_made | self._ours:
            return
        try:
            ours = {found.name for found in self._client.list_buckets()}
        except S3Error as error:
            log.info("whose bucket %s is cannot be looked up: %s", bucket, error.code)
            return
        if bucket not in ours:
            raise _taken(bucket)
        self._ours.add(bucket)

    def _keep_versions(self, bucket: str) -> None:
        """Where the server can; a store without versions is as good for everything we promise. Raises S3Error when it
        could later."""
        rule = Rule(
            ENABLED,
            rule_filter=Filter(prefix=""),
            rule_id="aios",
            # What was deleted leaves a mark, which would stay for ever and which every listing passes over.
            expiration=Expiration(expired_object_delete_marker=True),
            noncurrent_version_expiration=NoncurrentVersionExpiration(noncurrent_days=KEPT_DAYS),
            abort_incomplete_multipart_upload=AbortIncompleteMultipartUpload(days_after_initiation=1),
        )
        try:
            # In this order: versions that nobody expires would be kept for ever.
            self._client.set_bucket_lifecycle(bucket, LifecycleConfig([rule]))
            self._client.set_bucket_versioning(bucket, VersioningConfig(ENABLED))
        except S3Error as error:
            if error.code in _LATER:
                raise
            log.info("bucket %s keeps no versions of what is overwritten: %s", bucket, error.code)

    def _delete(self, bucket: str) -> None:
        if not self._client.bucket_exists(bucket):
            return
        self._erase(bucket, "")
        self._client.remove_bucket(bucket)

    def _erase(self, bucket: str, prefix: str) -> None:
        """Raises _HiddenError when versions cannot be seen or removed."""
        try:
            versions = self._client.list_objects(bucket, prefix, recursive=True, include_version=True)
            doomed = (DeleteObject(found.object_name or "", found.version_id) for found in versions)
            for failure in self._client.remove_objects(bucket, doomed):
                if failure.code in _HIDDEN:
                    raise _HiddenError(failure.code)
                raise ServiceUnavailableError(f"cannot delete {bucket}/{failure.name}: {failure.message}")
        except S3Error as error:
            if error.code in _HIDDEN:
                raise _HiddenError(error.code) from error
            if error.code != "NoSuchBucket":
                raise

    async def _in_thread(self, work: Callable[[], T]) -> T:
        try:
            return await asyncio.to_thread(work)
        except (MinioException, HTTPError, OSError) as error:
            address = self._transport.address
            code = error.code if isinstance(error, S3Error) else ""
            if isinstance(error, S3Error) and (code == "RequestTimeTooSkewed" or _is_skewed(error)):
                raise clocks_differ(address) from error
            if code in {"InvalidAccessKeyId", "SignatureDoesNotMatch", "AccessDenied"}:
                raise CredentialsRefusedError(
                    f"the object store at {address} refuses access key {address.access_key} ({code}): correct key and "
                    f"secret in AIOS_OBJECTS_URL, or the key's policy{self._or_taken}"
                ) from error
            raise address.way.failure(error, code or str(error)) from error


def _taken(bucket: str) -> EnvironmentProblemError:
    return EnvironmentProblemError(
        f"the bucket {bucket} belongs to another account, and names of buckets are those of all accounts: state a "
        "prefix of your own in the URL, such as ?prefix=NAME-"
    )


def stored_name(prefix: str, bucket: str) -> str:
    """With the prefix; what is longer than S3 allows ends in a digest of the whole instead."""
    name = f"{prefix}{bucket}"
    return name if len(name) <= LONGEST else f"{name[: LONGEST - 9].rstrip('-.')}-{digest(name)[:8]}"


def _is_skewed(error: S3Error) -> bool:
    """The client calls every refusal of a HEAD AccessDenied."""
    return error.code == "AccessDenied" and skew_seconds(error.response.headers) > ALLOWED_SKEW_SECONDS
