"""Options that several commands have."""

from importlib.util import find_spec
from typing import Annotated

import typer

from lbt_core.subjects.registry import BUILT_IN, DEFAULT

__all__ = ["DEFAULT", "SubjectOption", "require_extra"]

SubjectOption = Annotated[
    str,
    typer.Option(
        "--subject",
        help=f"Field of problems: {', '.join(BUILT_IN)}, or my_package.my_module:subject.",
    ),
]


def require_extra(*names: str) -> None:
    """Raises ModuleNotFoundError, of which the command line makes one line, where a package of an
    extra is not installed. For commands that would find out after they have begun something."""
    for name in names:
        if find_spec(name) is None:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
