"""What a user may do in buckets, as the policy document that S3 stores understand. Pure.

Written for MinIO, whose action `s3:HeadBucket` lets a user see that a bucket is there without listing it; elsewhere
that takes `s3:ListBucket` on the whole bucket.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from aios.adapters.s3.dialect import SCRATCH

VERSION = "2012-10-17"
_READ = ("s3:GetObject",)
_WRITE = ("s3:GetObject", "s3:PutObject", "s3:AbortMultipartUpload")
"""A large object that broke off is taken back."""
_REMOVE = ("s3:DeleteObject",)
_LIST = ("s3:ListBucket", "s3:ListBucketVersions")

Statement = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class BucketRights:
    """Rights in one bucket, by what keys start with. What may be read or written may be listed, too.

    `write` includes reading. No store can allow to create and forbid to overwrite by policy alone, so whoever writes
    below a prefix could spoil what is there; versions, where kept, bring it back.
    """

    bucket: str
    read: tuple[str, ...] = ()
    write: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()


def policy(rights: Iterable[BucketRights]) -> Mapping[str, object]:
    """The document; `bucket` is the name that the store knows."""
    return {"Version": VERSION, "Statement": [statement for one in rights for statement in _statements(one)]}


def _statements(rights: BucketRights) -> Iterable[Statement]:
    arn, seen = f"arn:aws:s3:::{rights.bucket}", (*rights.read, *rights.write)
    yield _allow(("s3:HeadBucket",), [arn])
    # How a server takes conditional writes is found out by trying.
    yield _allow((*_WRITE, *_REMOVE), [f"{arn}/{SCRATCH}*"])
    listing = {"StringLike": {"s3:prefix": [f"{prefix}*" for prefix in seen]}}
    yield {**_allow(_LIST, [arn]), "Condition": listing}
    for actions, prefixes in ((_READ, rights.read), (_WRITE, rights.write), (_REMOVE, rights.remove)):
        if prefixes:
            yield _allow(actions, [f"{arn}/{prefix}*" for prefix in prefixes])


def _allow(actions: tuple[str, ...], resources: list[str]) -> dict[str, object]:
    return {"Effect": "Allow", "Action": list(actions), "Resource": resources}
