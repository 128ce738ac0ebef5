"""What a team's workers may do in the object store: found by watching what they do, and no more. Pure.

The border is the namespace. A worker needs the files of each project that names its team, and projects come and go by
the minute, while a policy holds for a while in every node of a store and is bounded in size: rights by project would
refuse a new project's first task, or keep an old one's for ever. Who may do what within a namespace is what the
namespace is for.
"""

from collections.abc import Sequence

from aios.adapters.object_journal.journal import PREFIX
from aios.adapters.object_journal.layout import Layout
from aios.adapters.s3.policies import BucketRights
from aios.naming import ATTEMPT_STREAMS, MAIL_STREAMS, RUN_STREAMS, bucket_name, workspace_prefix
from aios.wiring.ports import JOURNAL_BUCKET


def file_rights(namespace: str) -> Sequence[BucketRights]:
    """Projects' files: blobs, manifests, commits and HEAD are written, nothing is ever removed by a worker."""
    return (BucketRights(bucket_name(namespace), write=(workspace_prefix(namespace, "").rstrip("/") + "/",)),)


def journal_rights(namespace: str) -> Sequence[BucketRights]:
    """Runs are read; attempts and mail are written. A worker that was frozen while its run was deleted removes what
    it wrote into a life that is over."""
    layout = Layout(PREFIX)
    read, write = f"{RUN_STREAMS}{namespace}/", (f"{ATTEMPT_STREAMS}{namespace}/", f"{MAIL_STREAMS}{namespace}/")
    return (
        BucketRights(
            JOURNAL_BUCKET,
            read=(layout.index_prefix(read), layout.records_prefix(read)),
            write=tuple(prefix for one in write for prefix in (layout.index_prefix(one), layout.records_prefix(one))),
            remove=tuple(layout.records_prefix(one) for one in write),
        ),
    )
