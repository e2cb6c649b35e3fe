"""Options that several commands have."""

from typing import Annotated

import typer

from lbt_core.subjects.registry import BUILT_IN, DEFAULT

__all__ = ["DEFAULT", "SubjectOption"]

SubjectOption = Annotated[
    str,
    typer.Option(
        "--subject",
        help=f"Field of problems: {', '.join(BUILT_IN)}, or my_package.my_module:subject.",
    ),
]
