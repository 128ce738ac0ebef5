"""Options that several commands share, with one wording each."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

State = Annotated[
    Path | None,
    typer.Option(
        "-C",
        "--state",
        metavar="DIR",
        help="State folder. Default: AIOS_STATE_DIR, else the nearest .aios upward from here.",
        show_default=False,
    ),
]
Namespace = Annotated[
    str, typer.Option("-n", "--namespace", envvar="AIOS_NAMESPACE", help="Where objects without a namespace live.")
]
TakeOver = Annotated[
    bool,
    typer.Option("--take-over", help="Use names that another installation on the same services left behind."),
]
Verbose = Annotated[bool, typer.Option("-v", "--verbose", help="Show logs on stderr.")]


class Format(StrEnum):
    """How a command prints its data."""

    TABLE = "table"
    WIDE = "wide"
    JSON = "json"
    YAML = "yaml"
    NAME = "name"


Output = Annotated[Format, typer.Option("-o", "--output", help="Format of what goes to stdout.")]
Paths = Annotated[
    list[str], typer.Argument(metavar="PATH...", help='YAML files, folders (all of their *.yaml), or "-" for stdin.')
]
