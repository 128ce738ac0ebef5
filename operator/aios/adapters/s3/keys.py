"""Which keys are keys, and how they are called in the bucket.

MinIO keeps objects as folders and hides `a/b` from listings once there is an object `a`. So every object's name ends
in a mark that no folder's name can end in: `workspaces/default/p/HEAD` is stored as `workspaces/default/p/HEAD!`.
"""

LONGEST = 1024
MARK = "!"
"""One of the characters that S3 calls safe. Where a key itself has it, it is spelled out."""
_SPELLED = "!21"


def require_key(key: str) -> None:
    """Raises ValueError unless `key` is 1 to 1,024 bytes of non-empty segments, none of them `.` or `..`."""
    segments = key.split("/")
    if not 0 < len(key.encode()) <= LONGEST or any(segment in {"", ".", ".."} for segment in segments):
        raise ValueError(f"{key[:80]!r} is not a key: 1 to {LONGEST} bytes of segments joined by slashes, no . or ..")


def to_name(key: str) -> str:
    """The object's name in the bucket."""
    return f"{to_prefix(key)}{MARK}"


def to_prefix(prefix: str) -> str:
    """What the names of all keys that start with `prefix` start with."""
    return prefix.replace(MARK, _SPELLED)


def to_key(name: str) -> str | None:
    """The key of an object; None for one that is not ours."""
    return name.removesuffix(MARK).replace(_SPELLED, MARK) if name.endswith(MARK) else None
