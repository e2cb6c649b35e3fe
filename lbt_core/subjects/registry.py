"""Finding a subject by the name that a configuration gives it."""

import importlib
import importlib.metadata
import os
import sys
from collections.abc import Sequence
from functools import cache

from lbt_core import UserError
from lbt_core.method.subject import Subject

BUILT_IN = {"ode": "lbt_core.subjects.ode:subject", "math": "lbt_core.subjects.math:subject"}
DEFAULT = "ode"
GROUP = "lbt.subjects"
"""Entry points of this group are subjects by name."""


def subject_names() -> list[str]:
    """Names that need no module path: the built-in ones and installed entry points."""
    return sorted({*BUILT_IN, *(e.name for e in importlib.metadata.entry_points(group=GROUP))})


def subject_identity(name: str) -> str:
    """What stands for a subject in fingerprints: its own name and version and, where it is not
    built in, the place it was found at (two users' modules may choose the same name).

    The place is a module and an attribute, not a file: a project may be moved as a whole.
    Raises UserError as ``load_subject`` does.
    """
    identity = load_subject(name).identity
    place = _place(name)
    return identity if place in BUILT_IN.values() else f"{identity} from {place}"


def import_path() -> list[str]:
    """Where modules are found here, for a process that must find the same: this process's path,
    absolute."""
    return [os.path.abspath(entry) if entry else os.getcwd() for entry in sys.path]


def extend_import_path(path: Sequence[str]) -> None:
    """Let this process find what is found where ``import_path`` was called, after its own."""
    sys.path.extend(entry for entry in path if entry not in sys.path)


def _place(name: str) -> str:
    """module:attribute of a subject's name."""
    if name in BUILT_IN:
        return BUILT_IN[name]
    installed = {e.name: e.value for e in importlib.metadata.entry_points(group=GROUP)}
    return installed.get(name, name)


@cache
def load_subject(name: str) -> Subject:
    """The subject of a name, of an entry point, or of ``my_package.my_module:subject``, which may
    lie in the current folder.

    Raises UserError where there is none, where its module fails, or where it is no ``Subject``.
    """
    place = _place(name)
    module, separator, attribute = place.partition(":")
    if not separator or not module or not attribute:
        raise UserError(
            f"subject: {name!r} is unknown; there are {', '.join(subject_names())}, or name your "
            "own as my_package.my_module:subject"
        )
    if ":" in name and os.getcwd() not in import_path():
        sys.path.insert(0, os.getcwd())  # an installed command has no current folder on its path
    try:
        found = getattr(importlib.import_module(module), attribute)
    except ModuleNotFoundError as error:
        raise UserError(
            f"subject {name}: no module {error.name}; it must be importable here, for instance "
            "installed, in the current folder, or in a folder that PYTHONPATH names"
        ) from None
    except AttributeError:
        raise UserError(f"subject {name}: module {module} has no {attribute}") from None
    except (Exception, SystemExit) as error:  # a user's module may raise anything
        what = " ".join(repr(error).split())
        raise UserError(f"subject {name}: importing it failed ({what})") from None
    if not isinstance(found, Subject):
        raise UserError(
            f"subject {name}: {place} is a {type(found).__name__}, not an instance of a class "
            "derived from lbt_core.method.subject.Subject"
        )
    if not found.name:
        raise UserError(f"subject {name}: {place} has no name; set the class attribute `name`")
    return found
