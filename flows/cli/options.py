"""Options that several commands have."""

from typing import Annotated

import typer

SubjectOption = Annotated[
    str,
    typer.Option(
        "--subject", help="Field of problems: ode, math, or my_package.my_module:subject."
    ),
]
