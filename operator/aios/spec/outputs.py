"""Which globs a task's outputs may be: those that a file of the workspace can match. Pure.

Paths there are relative, with no empty, `.` or `..` part. A glob with one matches nothing, so an attempt that wrote the
very file fails for want of it, and is paid for in vain.
"""


def output_fault(glob: str) -> str:
    """What is wrong with `glob`, and what to write instead; "" when files can match it."""
    parts = glob.split("/")
    if glob.startswith("/") or ".." in parts:
        return f'"{glob}" is outside of the workspace, where no task can write; name it relative to the workspace'
    kept = [part for part in parts if part not in {"", "."}]
    if len(kept) == len(parts):
        return ""
    meant = "/".join([*kept, "**"] if parts[-1] in {"", "."} else kept)
    return f'"{glob}" matches no file, whose paths have no empty part and no "."; write "{meant}"'
