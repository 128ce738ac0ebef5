"""The 1 KB that every contestant sends: a doorbell as ours are, filled up."""

FILL = "x" * 850

BODY: dict[str, str | int] = {
    "run": "default/project/0123456789ab",
    "task": "task-1",
    "attempt": 1,
    "seq": 1,
    "fill": FILL,
}
TEXT = "x" * 950
"""For contestants whose envelope says the rest."""
