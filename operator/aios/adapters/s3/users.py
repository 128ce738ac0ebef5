"""A user with a policy for each team, where the object store is MinIO; elsewhere the platform's IAM makes them.

Refuses to try on stores that are not MinIO: to any other S3 server the address of MinIO's administration is an object
in a bucket named `minio`. So it is asked first, by a request that reads.
"""

import asyncio
import json
import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from typing import TypeVar

from minio import Minio
from minio.credentials.providers import StaticProvider
from minio.error import MinioAdminException, S3Error
from minio.minioadmin import MinioAdmin
from urllib3 import PoolManager, Timeout
from urllib3.exceptions import HTTPError
from urllib3.util.retry import Retry

from aios.adapters.s3.address import S3Address
from aios.adapters.s3.buckets import stored_name
from aios.adapters.s3.policies import BucketRights, policy
from aios.adapters.s3.transport import CONNECT_SECONDS, SILENCE_SECONDS
from aios.errors import ServiceUnavailableError
from aios.ports.access import Grantee, NoUsersError

T = TypeVar("T")

_STATUS = re.compile(r"Status: (\d+)")
_CODE = re.compile(r'"Code":"(\w+)"')
_NO_USER = "XMinioAdminNoSuchUser"


class S3Users:
    """ServiceUsers."""

    def __init__(self, url: str, rights: Callable[[str], Sequence[BucketRights]], suffix: str = "") -> None:
        """`url` as `S3Address.parse` takes it, of a user that may administer. `rights` of a namespace's teams, with
        the names of buckets as `S3Buckets` takes them. `suffix` tells users apart whom two parts of an installation
        make at what may be the same store."""
        self._address = S3Address.parse(url)
        self._rights, self._suffix = rights, suffix
        trust = self._address.trust
        self._http = PoolManager(
            maxsize=2,  # a list of users keeps its connection for a while
            timeout=Timeout(connect=CONNECT_SECONDS, read=SILENCE_SECONDS),
            retries=Retry(total=2, backoff_factor=0.2, status_forcelist=[502, 503, 504]),
            ssl_context=trust.context() if trust.encrypted else None,
        )
        self._admin = MinioAdmin(
            endpoint=self._address.host,
            credentials=StaticProvider(self._address.access_key, self._address.secret_key),
            region=self._address.region,
            secure=self._address.scheme == "https",
            http_client=self._http,
        )

    async def grant(self, grantee: Grantee, password: str) -> str:
        user = self._user(grantee)
        await self._in_thread(lambda: self._grant(user, grantee.namespace, password))
        return user

    async def revoke(self, grantee: Grantee) -> None:
        user = self._user(grantee)
        await self._in_thread(lambda: self._revoke(user))

    async def grantees(self) -> Collection[Grantee]:
        prefix, suffix = self._address.prefix, self._suffix
        listed = await self._in_thread(self._list)
        ours = (name for name in listed if name.startswith(prefix) and name.endswith(suffix))
        named = (Grantee.of_user(name.removeprefix(prefix).removesuffix(suffix)) for name in ours)
        return [grantee for grantee in named if grantee is not None]

    def _user(self, grantee: Grantee) -> str:
        return f"{self._address.prefix}{grantee.user}{self._suffix}"

    def _list(self) -> Collection[str]:
        self._is_known(self._address.access_key)
        listed: dict[str, object] = json.loads(self._admin.user_list())
        return listed.keys()

    def _grant(self, user: str, namespace: str, password: str) -> None:
        known, prefix = self._is_known(user), self._address.prefix
        rights = [replace(one, bucket=stored_name(prefix, one.bucket)) for one in self._rights(namespace)]
        self._admin.policy_add(user, policy=dict(policy(rights)))
        # To set a password costs half a second of a core and 64 MB on either side: only if it is not set yet.
        if not (known and self._enters(user, password, rights[0].bucket)):
            self._admin.user_add(user, password)
            self._admin.policy_set(user, user=user)

    def _enters(self, user: str, password: str, bucket: str) -> bool:
        """Whether this password lets the user see a bucket that its policy names."""
        secure = self._address.scheme == "https"
        client = Minio(
            self._address.host,
            user,
            password,
            secure=secure,
            region=self._address.region,
            http_client=self._http,
        )
        try:
            return client.bucket_exists(bucket)
        except S3Error:
            return False

    def _revoke(self, user: str) -> None:
        if self._is_known(user):
            self._admin.user_remove(user)
        self._admin.policy_remove(user)

    def _is_known(self, user: str) -> bool:
        """Whether MinIO has this user. Raises MinioAdminException when it is not MinIO, or does not tell us."""
        try:
            self._admin.user_info(user)
        except MinioAdminException as error:
            if _code(error) == _NO_USER:
                return False
            raise
        return True

    async def _in_thread(self, work: Callable[[], T]) -> T:
        try:
            return await asyncio.to_thread(work)
        except MinioAdminException as error:
            raise self._meaning(error) from error
        except (HTTPError, OSError) as error:
            raise self._address.way.failure(error, str(error)) from error

    def _meaning(self, error: MinioAdminException) -> Exception:
        status, code = _status(error), _code(error)
        if status >= 500 or status == 429:
            return ServiceUnavailableError(f"the object store at {self._address} answers {status} {code}".rstrip())
        if code:
            return NoUsersError(
                f"MinIO at {self._address} does not let access key {self._address.access_key} make users ({code}): "
                "give it the policy consoleAdmin"
            )
        return NoUsersError(
            f"the object store at {self._address} has no administration as MinIO has it (it answers {status}): let its "
            "platform's IAM limit the key"
        )


def _status(error: MinioAdminException) -> int:
    found = _STATUS.search(str(error))
    return int(found[1]) if found else 0


def _code(error: MinioAdminException) -> str:
    """MinIO's administration answers with JSON, S3 with XML."""
    found = _CODE.search(str(error))
    return found[1] if found else ""
