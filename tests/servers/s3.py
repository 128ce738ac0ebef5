"""A bucket of a test's own on a running S3 server."""

import contextlib

from minio import Minio
from minio.commonconfig import ENABLED
from minio.error import S3Error
from minio.versioningconfig import VersioningConfig

from aios.adapters.s3.address import S3Address
from aios.adapters.s3.buckets import S3Buckets
from aios.adapters.s3.objects import S3Objects


def made_bucket(url: str, name: str) -> S3Objects:
    """The objects of `aios-NAME`, which is made as `ensure_bucket` makes one, if it is not there."""
    address, bucket = S3Address.parse(url), f"aios-{name}"
    client = Minio(address.host, address.access_key, address.secret_key, secure=False, region=address.region)
    with contextlib.suppress(S3Error):  # another process of the same test made it
        client.make_bucket(bucket)
        client.set_bucket_versioning(bucket, VersioningConfig(ENABLED))
    return S3Buckets(url).bucket(bucket)
