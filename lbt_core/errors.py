"""The one exception that a user's mistake raises, and the one that means "this shard cannot
succeed by trying again".
"""


class UserError(Exception):
    """Something the user gave is wrong: a knob, a path, a file, a name.

    The message is one or two sentences: what is wrong, naming the field, file or row, and what to
    do next. The command line prints it without a traceback and exits with status 2.
    """


class DataError(Exception):
    """A row is wrong in a way that trying again cannot mend; the message names the row."""
