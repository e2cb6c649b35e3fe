"""Text from models, corpora and files of strangers on its way to a terminal."""

from rich.markup import escape

from lbt_core.reporting.plain import visible


def shown(text: object) -> str:
    """Text for a place where rich reads markup: nothing in it colours, moves, hides or links."""
    return escape(visible(str(text)))
