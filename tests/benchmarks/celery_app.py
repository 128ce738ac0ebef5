"""The peer's side: a Celery application with the same trivial work, set up by environment variables.

BROKER is a URL; BACKEND one for results, or empty. Messages are acknowledged after the work, as ours are after the
record that makes losing them harmless; everything else is Celery's default.
"""

import os
from pathlib import Path

import celery  # type: ignore[import-untyped]  # ships no types

app = celery.Celery("bench", broker=os.environ.get("BROKER", ""), backend=os.environ.get("BACKEND") or None)
app.conf.update(
    task_acks_late=True,
    task_ignore_result=not os.environ.get("BACKEND"),
    broker_connection_retry_on_startup=True,
    broker_pool_limit=40,
    worker_enable_remote_control=False,
)
if folder := os.environ.get("BROKER_FOLDER"):
    data = str(Path(folder) / "data")
    app.conf.broker_transport_options = {
        "data_folder_in": data,
        "data_folder_out": data,
        "control_folder": str(Path(folder) / "control"),
    }


def _noop(run: str, task: str, attempt: int, seq: int) -> None:
    """The body of a doorbell, and no work."""


def _write(path: str, text: str) -> str:
    """The work of a trivial task: a file, durable."""
    with Path(path).open("w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    return text


def _gather(texts: list[str]) -> int:
    """What follows when all of a chord are done."""
    return len(texts)


def _after(before: str, path: str, text: str) -> str:
    """A link of a chain: knows what came before it."""
    return _write(path, text)


noop = app.task(name="noop")(_noop)
write = app.task(name="write")(_write)
gather = app.task(name="gather")(_gather)
after = app.task(name="after")(_after)
