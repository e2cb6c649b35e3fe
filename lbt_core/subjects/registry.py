"""Finding a subject by the name that a configuration gives it."""

import importlib
import importlib.metadata
from functools import cache

from lbt_core import UserError
from lbt_core.method.subject import Subject

BUILT_IN = {"ode": "lbt_core.subjects.ode:subject", "math": "lbt_core.subjects.math:subject"}
GROUP = "lbt.subjects"
"""Entry points of this group are subjects by name."""


def subject_names() -> list[str]:
    """Names that need no module path: the built-in ones and installed entry points."""
    return sorted({*BUILT_IN, *(e.name for e in importlib.metadata.entry_points(group=GROUP))})


@cache
def load_subject(name: str) -> Subject:
    """The subject of a name, of an entry point, or of ``my_package.my_module:subject``.

    Raises UserError where there is none, where its module fails, or where it is no ``Subject``.
    """
    installed = {e.name: e.value for e in importlib.metadata.entry_points(group=GROUP)}
    place = BUILT_IN.get(name) or installed.get(name) or name
    module, separator, attribute = place.partition(":")
    if not separator:
        raise UserError(
            f"subject: {name!r} is unknown; there are {', '.join(subject_names())}, or name your "
            "own as my_package.my_module:subject"
        )
    try:
        found = getattr(importlib.import_module(module), attribute)
    except ModuleNotFoundError as error:
        raise UserError(
            f"subject {name}: no module {error.name}; it must be importable here, for instance "
            "installed, or in a folder that PYTHONPATH names"
        ) from None
    except AttributeError:
        raise UserError(f"subject {name}: module {module} has no {attribute}") from None
    except Exception as error:  # a user's module may raise anything
        raise UserError(f"subject {name}: importing it failed ({error!r})") from None
    if not isinstance(found, Subject):
        raise UserError(
            f"subject {name}: {place} is a {type(found).__name__}, not an instance of a class "
            "derived from lbt_core.method.subject.Subject"
        )
    if not found.name:
        raise UserError(f"subject {name}: {place} has no name; set the class attribute `name`")
    return found
