"""Which globs a task's outputs may be: those that a file of the workspace can match. Pure.

Paths there are relative, with no empty, `.` or `..` part and no backslash. A glob with one matches nothing, so an
attempt that wrote the very file fails for want of it, and is paid for in vain.
"""


def output_fault(glob: str) -> str:
    """What is wrong with `glob`, and what to write instead; "" when files can match it."""
    parts = glob.replace("\\", "/").split("/")
    if ".." in parts or (parts[0] == "" and len(parts) > 1):
        return f'"{glob}" is outside of the workspace, where no task can write; name it relative to the workspace'
    kept = [part for part in parts if part not in {"", "."}]
    if "/".join(kept) == glob:
        return ""
    meant = "/".join([*kept, "**"] if parts[-1] in {"", "."} else kept)
    return f'"{glob}" matches no file, whose paths have no backslash, no empty part and no "."; write "{meant}"'
