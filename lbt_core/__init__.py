"""LbT, learning by teaching: the method itself, importable without Prefect, Ray, vLLM or torch."""

__version__ = "0.2.0"


class UserError(Exception):
    """Something the user gave is wrong: a knob, a path, a file, a name.

    The message is one or two sentences: what is wrong, naming the field, file or row, and what to
    do next. The command line prints it without a traceback and exits with status 2.
    """


class DataError(Exception):
    """A row is wrong in a way that trying again cannot mend; the message names the row."""
